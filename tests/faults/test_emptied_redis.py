"""Redis loses everything it had, in mid load."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from webox_stack import DoubleProgram, Stack, User, eventually

from webox_double import answer_text

pytestmark = pytest.mark.fault("F09")

# As chat publishes its events.
CHAT_STREAM = "webox:events:chat"
USERS = 4
SENDS_EACH = 9
CONVERSATIONS_EACH = SENDS_EACH + 1
FINAL_SECONDS = 60
RIGHT_SECONDS = 60


@dataclass(frozen=True)
class Sent:
    """A message that was acknowledged."""

    user: User
    question: str
    models: dict[str, str]
    answer: dict[str, Any]

    def expected(self) -> dict[str, str]:
        return {name: answer_text(model, self.question) for name, model in self.models.items()}


async def test_every_acknowledged_message_still_gets_its_replies(
    webox: Stack,
    double: DoubleProgram,
    make_user: Callable[[], Awaitable[User]],
    slow_model: str,
    healthy: Callable[[], Awaitable[None]],
) -> None:
    users = [await make_user() for _ in range(USERS)]
    acknowledged: list[Sent] = []
    load = [
        asyncio.create_task(
            send(user, number, slow_model, acknowledged, seconds=0 if number % 2 else 30)
        )
        for number in range(SENDS_EACH)
        for user in users
    ]

    async def under_way() -> None:
        # Some are acknowledged, some are being answered, some have not arrived.
        assert len(acknowledged) >= USERS * 2
        assert any(call["outcome"] == "running" for call in double.calls(slow_model))

    await eventually(under_way)
    # So that tasks stand in queues, and events in streams, that nobody has read when they go.
    with webox.frozen("chat-worker", "dashboard-events", "search-events"):
        late = [send(user, SENDS_EACH, slow_model, acknowledged, seconds=0) for user in users]
        await asyncio.gather(*late)

        async def published() -> None:
            with webox.redis() as redis:
                assert str(acknowledged[-1].answer["message_id"]) in str(redis.xrange(CHAT_STREAM))

        await eventually(published)
        with webox.redis() as redis:
            redis.flushall()
    await asyncio.gather(*load)
    assert len(acknowledged) == len(load) + len(late)
    await asyncio.gather(
        *(eventually(partial(all_answered, sent), FINAL_SECONDS) for sent in acknowledged)
    )
    for user in users:
        own = [sent for sent in acknowledged if sent.user is user]
        await nothing_doubled(own)
        await eventually(partial(read_models_right, user), RIGHT_SECONDS)
    await healthy()


async def send(
    user: User, number: int, slow_model: str, acknowledged: list[Sent], *, seconds: float
) -> None:
    """Whatever Redis does, nobody gets a 500."""
    question = f"Question tulipe {number} de {user.id}"
    models = {"GPT-4": slow_model, "Claude": "claude-3-opus"}
    response = await user.http.post(
        "/api/chat/send",
        json={
            "message": question,
            "selected_providers": list(models),
            "selected_models": models,
            "wait": {"seconds": seconds},
        },
    )
    assert response.status_code in {200, 202}, response.text
    acknowledged.append(Sent(user, question, models, response.json()))


async def all_answered(sent: Sent) -> None:
    now = await sent.user.get(f"/api/chat/messages/{sent.answer['message_id']}")
    assert now["ai_responses"] == sent.expected()


async def nothing_doubled(own: list[Sent]) -> None:
    assert len({sent.answer["conversation_id"] for sent in own}) == CONVERSATIONS_EACH
    for sent in own:
        path = f"/api/chat/conversations/{sent.answer['conversation_id']}"
        shown = await sent.user.get(path)
        question, *replies = shown["messages"]
        assert question["content"] == sent.question
        assert {each["ai_provider"]: each["content"] for each in replies} == sent.expected()
        assert shown["message_count"] == 3


async def read_models_right(user: User) -> None:
    stats = await user.get("/api/dashboard/stats")
    assert (stats["conversations"], stats["generations"]) == (
        CONVERSATIONS_EACH,
        2 * CONVERSATIONS_EACH,
    )
    activities = (await user.get("/api/dashboard/recent-activity?limit=200"))["activities"]
    assert len(activities) == CONVERSATIONS_EACH
    found = await user.get("/api/chat/search?q=tulipe&limit=50")
    assert found["total"] == CONVERSATIONS_EACH
    # Every conversation by its title, its question and both of its answers.
    assert {each["more_matches"] for each in found["results"]} == {2}
