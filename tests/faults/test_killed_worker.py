"""The worker that asks the providers dies in the middle of a call."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from webox_stack import DoubleProgram, Stack, User, eventually

from webox_double import answer_text

pytestmark = pytest.mark.fault("F01")

# The lease (3 s here) and what looking for lost ones may take after it.
RUN_AGAIN_SECONDS = 13
# What the model takes once it is asked again, and more on a busy machine.
ANSWER_SECONDS = 10


async def test_the_reply_still_arrives_once(
    webox: Stack,
    double: DoubleProgram,
    user: User,
    slow_model: str,
    healthy: Callable[[], Awaitable[None]],
) -> None:
    sent = await user.send(
        "Bonjour",
        expect=202,
        selected_providers=["GPT-4", "Claude"],
        selected_models={"GPT-4": slow_model},
        wait={"replies": 1},
    )
    assert list(sent["ai_responses"]) == ["Claude"]

    async def asked() -> None:
        assert double.outcomes(slow_model) == ["running"]

    await eventually(asked)
    webox.kill("chat-worker")
    killed_at = datetime.now(UTC)

    async def answered() -> dict[str, object]:
        now: dict[str, object] = await user.get(f"/api/chat/messages/{sent['message_id']}")
        assert now["ai_responses"] == {
            "GPT-4": answer_text(slow_model, "Bonjour"),
            "Claude": sent["ai_responses"]["Claude"],
        }
        return now

    now = await eventually(answered, RUN_AGAIN_SECONDS + ANSWER_SECONDS)
    # It was called twice, which is counted and told; Claude, whose answer was there, once.
    outcomes = double.outcomes(slow_model)
    assert outcomes == ["aborted", "finished"]
    run_again_at = datetime.fromisoformat(double.calls(slow_model)[1]["at"])
    assert (run_again_at - killed_at).total_seconds() < RUN_AGAIN_SECONDS
    replies = now["replies"]
    assert isinstance(replies, dict)
    assert {name: reply["attempt"] for name, reply in replies.items()} == {"GPT-4": 2, "Claude": 1}
    shown = await user.get(f"/api/chat/conversations/{sent['conversation_id']}")
    assert shown["message_count"] == 3
    providers = [each.get("ai_provider") for each in shown["messages"]]
    assert sorted(map(str, providers)) == ["Claude", "GPT-4", "None"]

    async def counted() -> None:
        assert (await user.get("/api/dashboard/stats"))["generations"] == 2

    await eventually(counted)
    await healthy()


async def test_whoever_waits_gets_the_answer(
    webox: Stack,
    double: DoubleProgram,
    user: User,
    slow_model: str,
    healthy: Callable[[], Awaitable[None]],
) -> None:
    sending = asyncio.create_task(
        user.send(
            "Bonjour",
            selected_providers=["Mistral"],
            selected_models={"Mistral": slow_model},
        )
    )

    async def asked() -> None:
        assert len(double.calls(slow_model)) == 1

    await eventually(asked)
    webox.kill("chat-worker")
    answer = await sending
    assert answer["ai_responses"] == {"Mistral": answer_text(slow_model, "Bonjour")}
    await healthy()


async def test_a_document_worker_that_is_killed_leaves_no_job_behind(
    webox: Stack, user: User, healthy: Callable[[], Awaitable[None]]
) -> None:
    sent = await user.send("Bonjour", selected_providers=["GPT-4"])
    webox.kill("exporter-worker")
    body = {"format": "pdf", "conversation_ids": [sent["conversation_id"]]}
    job = await user.post("/api/exports", body, expect=202)

    async def done() -> None:
        now = await user.get(f"/api/exports/{job['id']}")
        assert (now["status"], now["progress"]) == ("done", 1)
        content = (await user.http.get(now["download_url"])).content
        assert content.startswith(b"%PDF-")
        assert len(content) == now["size_bytes"]

    await eventually(done, seconds=40)
    await healthy()
