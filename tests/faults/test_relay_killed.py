"""A relay dies when it has published, before it could note that."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from webox_stack import Stack, User, eventually

from webox_kit.streams import EVENT_FIELD, stream_key

pytestmark = pytest.mark.fault("F07")

CHAT_STREAM = stream_key("chat")


@pytest.mark.parametrize("death", ["chat.after_publish"], indirect=True)
@pytest.mark.usefixtures("death")
async def test_what_it_published_is_there_twice_and_has_one_effect(
    webox: Stack,
    user: User,
    healthy: Callable[[], Awaitable[None]],
) -> None:
    relay = webox.pids()["chat-events"]
    with webox.redis() as redis:
        before = redis.xinfo_stream(CHAT_STREAM)["last-generated-id"].decode()
    sent = await user.send("Bonjour tulipe", selected_providers=["GPT-4", "Claude"])

    async def told_twice() -> None:
        assert webox.pids().get("chat-events", relay) != relay
        assert max(told(webox, sent["conversation_id"], after=before).values(), default=0) == 2

    await eventually(told_twice)
    await healthy()
    stats = await user.get("/api/dashboard/stats")
    assert (stats["conversations"], stats["generations"]) == (1, 2)
    assert len((await user.get("/api/dashboard/recent-activity"))["activities"]) == 1
    assert (await user.get("/api/chat/search?q=tulipe"))["total"] == 1


def told(webox: Stack, conversation: int, *, after: str) -> Counter[str]:
    """How often each event about the conversation is in chat's stream."""
    with webox.redis() as redis:
        entries = redis.xrange(CHAT_STREAM, min=f"({after}")
    events = [json.loads(fields[EVENT_FIELD]) for _, fields in entries]
    return Counter(
        each["id"] for each in events if each["data"].get("conversation_id") == conversation
    )
