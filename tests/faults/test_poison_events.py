"""What nobody can read lies on chat's stream, before what everybody has to hear of."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from webox_stack import Stack, User, eventually

from webox_kit.streams import EVENT_FIELD, stream_key

pytestmark = pytest.mark.fault("F17")

CANARY = "canary-payload"
STARTED: dict[str, Any] = {
    "specversion": "1.0",
    "id": "poison",
    "source": "/webox/chat",
    "type": "chat.conversation_started",
    "schemaversion": 1,
    "subject": "1",
    "time": "2026-01-01T00:00:00Z",
    "data": {"user_id": 1, "title": CANARY},
}
# By what its letter says of it.
POISONS = {
    "json_invalid": f'{{"id": "{CANARY}',
    "unknown event 'chat.melted' in schema version 1": json.dumps(
        STARTED | {"type": "chat.melted"}
    ),
    "in schema version 99": json.dumps(STARTED | {"schemaversion": 99}),
    "conversation_id missing": json.dumps(STARTED),
    "EventTooLargeError": json.dumps(STARTED | {"data": {"title": CANARY * 150_000}}),
}
CONSUMERS = ("dashboard", "exporter", "search")
KNOWN_SECONDS = 5


async def test_is_put_aside_with_its_reason_and_holds_nobody_up(
    webox: Stack,
    user: User,
    all_read: Callable[[], Awaitable[None]],
    healthy: Callable[[], Awaitable[None]],
) -> None:
    with webox.redis() as redis:
        for poison in POISONS.values():
            redis.xadd(stream_key("chat"), {EVENT_FIELD: poison})
    sent = await user.send("Bonjour tulipe", selected_providers=["GPT-4", "Claude"])

    async def known() -> None:
        found = await user.get("/api/chat/search?q=tulipe")
        assert [each["conversation_id"] for each in found["results"]] == [sent["conversation_id"]]
        stats = await user.get("/api/dashboard/stats")
        assert (stats["conversations"], stats["generations"]) == (1, 2)

    await eventually(known, KNOWN_SECONDS)
    await all_read()
    listed = await webox.command("dead-letters", "list", "--json")
    assert CANARY not in listed.stdout
    letters = [json.loads(line) for line in listed.stdout.splitlines()]
    for consumer in CONSUMERS:
        reasons = [each["reason"] for each in letters if each["consumer"] == consumer]
        for expected, reason in zip(POISONS, reasons, strict=True):
            assert expected in reason
    dropped = await webox.command("dead-letters", "drop", "--all", "--yes")
    assert dropped.returncode == 0, dropped.stderr
    await healthy()
