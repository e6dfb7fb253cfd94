"""Operators' commands on a whole Webox that has been used."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from webox_stack import Stack, User, eventually, webox_command

TEXT = "canary-text"


async def use_everything(user: User) -> None:
    """Sends, a change, an export, a product event, a deletion."""
    kept = await user.send(TEXT, selected_providers=["GPT-4", "Claude"])
    gone = await user.send(TEXT, selected_providers=["GPT-4"])
    await user.http.get(
        f"/api/chat/conversations/{kept['conversation_id']}/export?format=md",
        headers={"Prefer": "wait=60"},
    )
    token = await user.post(
        "/api/auth/tokens", {"name": "builder", "scopes": ["events:write"]}, expect=201
    )
    event = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "https://builder.example",
        "type": "webox.website.published",
        "subject": "site-1",
        "time": datetime.now(UTC).isoformat(),
        "data": {"user_id": user.id, "name": TEXT, "bytes": 2048},
    }
    reported = await user.http.post(
        "/api/events",
        content=json.dumps(event),
        headers={
            "Authorization": f"Bearer {token['token']}",
            "Content-Type": "application/cloudevents+json",
        },
    )
    assert reported.status_code == 202, reported.text
    await user.delete(f"/api/chat/conversations/{gone['conversation_id']}")


async def seen(user: User) -> tuple[Any, ...]:
    stats = await user.get("/api/dashboard/stats")
    found = await user.get(f"/api/chat/search?q={TEXT}")
    numbers = ("conversations", "websites", "generations", "storage_used_bytes")
    return *(stats[name] for name in numbers), found["total"]


async def test_nothing_differs_before_and_after_both_are_rebuilt(webox: Stack, user: User) -> None:
    await use_everything(user)

    async def all_is_known() -> tuple[Any, ...]:
        now = await seen(user)
        assert now[:3] == (1, 1, 3)
        assert now[3] > 2048
        assert now[4] == 1
        return now

    before = await eventually(all_is_known)
    verified = await webox_command(webox, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    for what in ("search", "dashboard", "exporter"):
        assert f"{what}: no differences." in verified.stdout

    for what in ("search", "dashboard"):
        rebuilt = await webox_command(webox, "rebuild", what)
        assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr

    assert await seen(user) == before
    verified = await webox_command(webox, "verify", "--json")
    assert (verified.returncode, verified.stdout) == (0, ""), verified.stderr
    letters = await webox_command(webox, "dead-letters", "list", "--json")
    assert (letters.returncode, letters.stdout) == (0, ""), letters.stderr
