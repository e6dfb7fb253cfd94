"""F28: the same thing is changed fifty times at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from webox_stack import DoubleProgram, User
from webox_stack.watching import shown

from webox_double import answer_text

pytestmark = pytest.mark.fault("F28")

AT_ONCE = 50
_numbers = count(1)
Healthy = Callable[[], Awaitable[None]]


@pytest.fixture
async def path(user: User) -> str:
    """Of a conversation."""
    sent = await user.send("Bonjour", selected_providers=["GPT-4"])
    return f"/api/chat/conversations/{sent['conversation_id']}"


async def test_no_toggle_is_lost(user: User, path: str, healthy: Healthy) -> None:
    answers = await asyncio.gather(*(user.post(f"{path}/favorite") for _ in range(AT_ONCE + 1)))
    assert Counter(each["is_favorite"] for each in answers) == {True: 26, False: 25}
    assert (await user.get(path))["is_favorite"] is True
    await healthy()


async def test_no_tag_is_lost(user: User, path: str, healthy: Healthy) -> None:
    tags = [f"tag {number:02}" for number in range(AT_ONCE)]
    answers = await asyncio.gather(
        *(user.post(f"{path}/tags", {"tag": tag}) for tag in reversed(tags))
    )
    assert all(tag in each["tags"] for tag, each in zip(reversed(tags), answers, strict=True))
    assert (await user.get(path))["tags"] == tags
    # Fifty is the most, however they come.
    refused = await asyncio.gather(
        *(user.http.post(f"{path}/tags", json={"tag": f"more {n}"}) for n in range(5))
    )
    assert {each.status_code for each in refused} == {400}
    assert (await user.get(path))["tags"] == tags
    await healthy()


async def test_one_tag_in_many_spellings_stays_one(user: User, path: str, healthy: Healthy) -> None:
    spellings = ["Été", "été", "ÉTÉ", " été ", "éTé"] * 10
    await asyncio.gather(*(user.post(f"{path}/tags", {"tag": each}) for each in spellings))
    [tag] = (await user.get(path))["tags"]
    assert tag.lower() == "été"
    await healthy()


async def test_different_changes_do_not_undo_each_other(
    user: User, path: str, healthy: Healthy
) -> None:
    await user.post(f"{path}/tags", {"tag": "old"})
    await asyncio.gather(
        *(user.post(f"{path}/tags", {"tag": f"tag {number:02}"}) for number in range(15)),
        *(user.ask("PATCH", path, json={"folder": "Travail"}) for _ in range(10)),
        *(user.ask("PATCH", path, json={"title": "Un titre"}) for _ in range(10)),
        *(user.post(f"{path}/favorite", {"is_favorite": True}) for _ in range(10)),
        user.delete(f"{path}/tags/old"),
        *(
            user.send(
                f"Question {number}",
                conversation_id=int(path.rpartition("/")[2]),
                selected_providers=["GPT-4"],
            )
            for number in range(4)
        ),
    )
    now = await user.get(path)
    assert now["tags"] == [f"tag {number:02}" for number in range(15)]
    assert (now["folder"], now["title"], now["is_favorite"]) == ("Travail", "Un titre", True)
    assert now["message_count"] == 2 + 2 * 4
    await healthy()


async def test_sends_with_one_key_make_one_message(
    user: User, double: DoubleProgram, healthy: Healthy
) -> None:
    """Half of them are streamed; all answer with the same."""
    model = f"delay:300+parallel-{next(_numbers)}"
    body = {
        "message": "Bonjour",
        "selected_providers": ["GPT-4"],
        "selected_models": {"GPT-4": model},
    }
    key = {"Idempotency-Key": f"parallel-{next(_numbers)}"}

    async def send() -> Any:
        response = await user.http.post("/api/chat/send", json=body, headers=key)
        assert response.status_code == 200, response.text
        return response.json()

    async def stream() -> Any:
        async with user.watching("/api/chat/send", body, headers=key) as stream:
            events = await stream.rest()
        assert shown(events) == {"GPT-4": answer_text(model, "Bonjour")}
        return events[-1].data

    # No more than ten streams may be open at once.
    answers = await asyncio.gather(
        *(send() for _ in range(AT_ONCE - 8)), *(stream() for _ in range(8))
    )
    assert len({each["message_id"] for each in answers}) == 1
    assert {each["ai_responses"]["GPT-4"] for each in answers} == {answer_text(model, "Bonjour")}
    [conversation] = (await user.get("/api/chat/conversations"))["conversations"]
    assert conversation["message_count"] == 2
    assert len(double.calls(model)) == 1
    await healthy()


async def test_of_different_sends_with_one_key_one_is_taken(user: User, healthy: Healthy) -> None:
    key = {"Idempotency-Key": f"parallel-{next(_numbers)}"}
    responses = await asyncio.gather(
        *(
            user.http.post(
                "/api/chat/send",
                json={"message": f"Question {number}", "selected_providers": ["GPT-4"]},
                headers=key,
            )
            for number in range(AT_ONCE)
        )
    )
    assert Counter(each.status_code for each in responses) == {200: 1, 409: AT_ONCE - 1}
    assert len((await user.get("/api/chat/conversations"))["conversations"]) == 1
    await healthy()


async def test_of_many_retries_at_once_one_is_made(
    user: User, double: DoubleProgram, healthy: Healthy
) -> None:
    sent = await user.send("Bonjour", selected_providers=["GPT-4"])
    model = f"delay:4000+parallel-{next(_numbers)}"
    reply = f"/api/chat/messages/{sent['message_id']}/replies/GPT-4"
    responses = await asyncio.gather(
        *(user.http.post(f"{reply}/retry", json={"model": model}) for _ in range(AT_ONCE))
    )
    assert Counter(each.status_code for each in responses) == {202: 1, 409: AT_ONCE - 1}
    async with user.watching(f"/api/chat/messages/{sent['message_id']}/stream") as stream:
        await stream.rest()
    assert len(double.calls(model)) == 1
    assert len((await user.get(reply))["replies"]) == 2
    await healthy()


async def test_of_cancels_and_the_end_one_wins(user: User, healthy: Healthy) -> None:
    """Whatever came first, all say the same afterwards."""
    for delay in (0, 20, 40, 60, 80, 120):
        sent = await user.send(
            "Bonjour",
            expect=202,
            selected_providers=["GPT-4", "Claude"],
            selected_models={"GPT-4": f"delay:{delay}", "Claude": "drip:2"},
            wait={"seconds": 0},
        )
        path = f"/api/chat/messages/{sent['message_id']}"
        responses = await asyncio.gather(
            *(user.http.post(f"{path}/replies/GPT-4/cancel") for _ in range(5)),
            *(user.http.post(f"{path}/cancel") for _ in range(3)),
        )
        assert {each.status_code for each in responses} <= {200, 409}
        async with user.watching(f"{path}/stream") as stream:
            events = await stream.rest()
        shown(events)
        now = await user.get(path)
        assert events[-1].data == now
        final = now["replies"]["GPT-4"]["status"]
        assert final in {"done", "cancelled"}
        told = [each.json() for each in responses[:5]]
        assert {_status(each) for each in told} == {final}
    await healthy()


def _status(answer: dict[str, Any]) -> str:
    """Of the reply that was to be cancelled, or that was final already."""
    reply = answer.get("reply", answer)
    return str(reply["status"])
