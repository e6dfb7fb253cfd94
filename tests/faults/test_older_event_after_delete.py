"""What happened to a conversation is told again after its deletion, under ids nobody has seen."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from webox_stack import Stack, User, eventually

from webox_kit.streams import EVENT_FIELD, stream_key

pytestmark = pytest.mark.fault("F30")

CHAT_STREAM = stream_key("chat")


async def test_a_deleted_conversation_stays_unknown(
    webox: Stack,
    user: User,
    all_read: Callable[[], Awaitable[None]],
    healthy: Callable[[], Awaitable[None]],
) -> None:
    with webox.redis() as redis:
        before = redis.xinfo_stream(CHAT_STREAM)["last-generated-id"].decode()
    sent = await user.send("Bonjour tulipe", selected_providers=["GPT-4", "Claude"])
    conversation = sent["conversation_id"]
    await user.post(f"/api/chat/conversations/{conversation}/favorite")
    body = {"format": "txt", "conversation_ids": [conversation]}
    export = await user.post("/api/exports", body, expect=202)

    async def known() -> list[dict[str, Any]]:
        assert (await user.get("/api/chat/search?q=tulipe"))["total"] == 1
        assert (await user.get("/api/dashboard/stats"))["conversations"] == 1
        assert (await user.get(f"/api/exports/{export['id']}"))["status"] == "done"
        older = events_about(webox, conversation, after=before)
        assert {each["type"] for each in older} >= OLDER
        return older

    async def unknown() -> None:
        assert (await user.get("/api/chat/search?q=tulipe"))["results"] == []
        assert (await user.get("/api/dashboard/stats"))["conversations"] == 0
        assert (await user.get("/api/dashboard/recent-projects"))["projects"] == []
        activities = (await user.get("/api/dashboard/recent-activity"))["activities"]
        assert "tulipe" not in str(activities)
        assert (await user.get(f"/api/exports/{export['id']}"))["status"] == "expired"
        await user.get(f"/api/exports/{export['id']}/download", expect=410)

    older = await eventually(known)
    await user.delete(f"/api/chat/conversations/{conversation}")
    await eventually(unknown)
    with webox.redis() as redis:
        for event in older:
            redis.xadd(CHAT_STREAM, {EVENT_FIELD: json.dumps(event | {"id": str(uuid4())})})
    await all_read()
    await unknown()
    await user.post("/api/exports", body, expect=404)
    await healthy()


def events_about(webox: Stack, conversation: int, *, after: str) -> list[dict[str, Any]]:
    with webox.redis() as redis:
        entries = redis.xrange(CHAT_STREAM, min=f"({after}")
    events = [json.loads(fields[EVENT_FIELD]) for _, fields in entries]
    return [each for each in events if each["data"].get("conversation_id") == conversation]


OLDER = {
    "chat.conversation_started",
    "chat.conversation_updated",
    "chat.message_sent",
    "chat.reply_finished",
}
