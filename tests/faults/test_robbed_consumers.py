"""Search and dashboard stand still, and what they have not read goes from the stream."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from webox_stack import Stack, User, eventually

from webox_kit.streams import stream_key
from webox_local.servers import Servers

pytestmark = pytest.mark.fault("F12")

CHAT_STREAM = stream_key("chat")
ROBBED = ("search", "dashboard")


async def test_they_get_it_again_when_they_go_on(
    webox: Stack, user: User, healthy: Callable[[], Awaitable[None]]
) -> None:
    deleted = await user.send("Bonjour jonquille", selected_providers=["GPT-4"])

    async def found(word: str, total: int) -> None:
        assert (await user.get(f"/api/chat/search?q={word}"))["total"] == total

    await eventually(lambda: found("jonquille", 1))
    with webox.frozen(*(f"{name}-events" for name in ROBBED)):
        sent = await user.send("Bonjour tulipe", selected_providers=["GPT-4", "Claude"])
        await user.delete(f"/api/chat/conversations/{deleted['conversation_id']}")
        await user.post(f"/api/chat/conversations/{sent['conversation_id']}/favorite")
        await eventually(lambda: all_published(webox))
        with webox.redis() as redis:
            redis.xtrim(CHAT_STREAM, maxlen=1, approximate=False)
        await eventually(lambda: noted(webox))

    async def as_if_nothing_had_been() -> None:
        await found("jonquille", 0)
        await found("tulipe", 1)
        stats = await user.get("/api/dashboard/stats")
        assert (stats["conversations"], stats["generations"]) == (1, 3)

    await eventually(as_if_nothing_had_been)
    await healthy()


async def all_published(webox: Stack) -> None:
    assert in_chat(webox, "SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]


async def noted(webox: Stack) -> None:
    [(gaps,)] = in_chat(webox, "SELECT gaps FROM relay_state")
    assert set(gaps) >= set(ROBBED)


def in_chat(webox: Stack, query: str) -> list[tuple[Any, ...]]:
    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        return chat.execute(query).fetchall()
