"""F29: a conversation is deleted while its providers answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from webox_stack import DoubleProgram, Stack, User, eventually
from webox_stack.watching import named, shown

from webox_double import answer_text
from webox_local.servers import Servers

pytestmark = pytest.mark.fault("F29")

_numbers = count(1)
Healthy = Callable[[], Awaitable[None]]
CANCELLED_SECONDS = 5
HANGING = ["GPT-4", "Mistral"]


async def test_the_replies_are_cancelled_the_provider_is_left_and_the_stream_told(
    webox: Stack, double: DoubleProgram, user: User, healthy: Healthy
) -> None:
    """Whether a reply has begun, or not said a word yet; what is done stays as it was told."""
    kept = await user.send("Autre chose", selected_providers=["Claude"])
    models = {
        "GPT-4": f"hang_mid+deleted-{next(_numbers)}",
        "Mistral": f"hang_headers+deleted-{next(_numbers)}",
    }
    body = {
        "message": "Bonjour",
        "selected_providers": [*models, "Claude"],
        "selected_models": models,
    }
    async with user.watching("/api/chat/send", body) as stream:
        await stream.until("reply", provider="Claude")
        if "GPT-4" not in [each["provider"] for each in named(stream.events, "delta")]:
            await stream.until("delta", provider="GPT-4")
        began = time.monotonic()
        conversation = stream.events[0].data["conversation_id"]
        deleted = await user.delete(f"/api/chat/conversations/{conversation}")
        assert deleted == {"message": "Conversation deleted successfully"}
        events = await stream.rest()
        assert time.monotonic() - began < CANCELLED_SECONDS
    ends = {each["provider"]: each for each in named(events, "reply")}
    assert {name: each["status"] for name, each in ends.items()} == {
        "GPT-4": "cancelled",
        "Mistral": "cancelled",
        "Claude": "done",
    }
    texts = shown(events)
    assert texts["GPT-4"] == ends["GPT-4"]["content"] != ""
    assert texts["Claude"] == answer_text("claude-3-opus", "Bonjour")
    assert events[-1].name == "done"

    async def left() -> None:
        for model in models.values():
            assert double.outcomes(model) == ["aborted"]

    await eventually(left, CANCELLED_SECONDS)
    message = stream.message
    for method, path in (
        ("GET", message),
        ("GET", f"{message}/stream"),
        ("GET", f"{message}/replies/GPT-4"),
        ("POST", f"{message}/cancel"),
        ("POST", f"{message}/replies/GPT-4/retry"),
        ("GET", f"/api/chat/conversations/{conversation}"),
    ):
        await user.ask(method, path, expect=404)
    assert noted(webox, user) == ["cancelled", "cancelled", "done", "done"]
    [only] = (await user.get("/api/chat/conversations"))["conversations"]
    assert only["id"] == kept["conversation_id"]
    await healthy()


async def test_who_waits_for_the_answer_is_told_that_it_is_gone(
    double: DoubleProgram, user: User, healthy: Healthy
) -> None:
    model = f"hang_headers+deleted-{next(_numbers)}"
    body = {
        "message": "Bonjour",
        "selected_providers": ["GPT-4"],
        "selected_models": {"GPT-4": model},
    }
    sending = asyncio.create_task(user.http.post("/api/chat/send", json=body))

    async def asked() -> None:
        assert len(double.calls(model)) == 1

    await eventually(asked)
    [conversation] = (await user.get("/api/chat/conversations"))["conversations"]
    await user.delete(f"/api/chat/conversations/{conversation['id']}")
    async with asyncio.timeout(CANCELLED_SECONDS):
        response = await sending
    assert response.status_code == 404
    assert "deleted" in response.json()["detail"]
    await healthy()


async def test_what_is_deleted_the_moment_it_was_sent_asks_nobody_for_long(
    webox: Stack, user: User, double: DoubleProgram, healthy: Healthy
) -> None:
    """Queued, claimed or running: whichever the deletion finds."""
    model = f"hang_mid+deleted-{next(_numbers)}"

    async def send_and_delete() -> None:
        sent = await user.send(
            "Bonjour",
            expect=202,
            selected_providers=HANGING,
            selected_models=dict.fromkeys(HANGING, model),
            wait={"seconds": 0},
        )
        await user.delete(f"/api/chat/conversations/{sent['conversation_id']}")

    await asyncio.gather(*(send_and_delete() for _ in range(20)))

    async def nobody_is_asked() -> None:
        assert "running" not in double.outcomes(model)

    await eventually(nobody_is_asked, CANCELLED_SECONDS)
    assert noted(webox, user) == ["cancelled"] * 20 * len(HANGING)
    await healthy()


def noted(webox: Stack, user: User) -> list[str]:
    """How the user's replies ended, as the usage ledger has it for good."""
    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        query = "SELECT status FROM usage_ledger WHERE user_id = %s ORDER BY status"
        return [row[0] for row in chat.execute(query, [user.id])]
