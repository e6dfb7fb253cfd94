"""The contract's limits: at each it still goes, one past it is refused with the limit named."""

import re
from typing import Any

import pytest
from webox_stack import Stack, User, eventually, opened
from webox_stack.reports import cloud_event, report
from webox_stack.user import PASSWORD

# Stands for the id of the user who reports.
OWN = "own"
CLAUDE = {"selected_providers": ["Claude"]}


def names_the_limit(problem: dict[str, Any], limit: int) -> bool:
    """Whether the detail has the number, however its thousands are set apart."""
    return str(limit) in re.sub(r"(?<=\d)[ ,_\u202f\u00a0](?=\d{3})", "", problem["detail"])


@pytest.mark.parametrize(
    ("member", "limit", "at", "past"),
    [
        ("message", 200_000, "é" * 200_000, "é" * 200_001),
        ("folder", 100, "é" * 100, "é" * 101),
        ("temperature", 2, 2, 2.01),
        ("temperature", 0, 0, -0.01),
        ("max_tokens", 1_000_000, 1_000_000, 1_000_001),
        ("max_tokens", 1, 1, 0),
        ("wait", 300, {"replies": 1, "seconds": 300}, {"seconds": 300.5}),
        ("wait", 8, {"replies": 8}, {"replies": 9}),
    ],
)
async def test_of_sending(user: User, member: str, limit: int, at: Any, past: Any) -> None:
    await user.post("/api/chat/send", {"message": "Bonjour", **CLAUDE, member: at})
    refused = await user.post(
        "/api/chat/send", {"message": "Bonjour", **CLAUDE, member: past}, expect=400
    )
    assert names_the_limit(refused, limit), refused["detail"]
    (field,) = refused["errors"]
    assert field["pointer"].startswith(f"#/{member}")
    assert len((await user.get("/api/chat/conversations"))["conversations"]) == 1


async def test_of_providers(user: User) -> None:
    nine = [f"Provider {number}" for number in range(9)]
    refused = await user.send("Bonjour", selected_providers=nine, expect=400)
    assert names_the_limit(refused, 8), refused["detail"]
    await user.send("Bonjour", selected_providers=[], expect=400)
    twice = await user.http.post(
        "/api/chat/send", json={"message": "Bonjour", "selected_providers": ["GPT-4", "GPT-4"]}
    )
    assert twice.status_code in {200, 400}


async def test_of_blank_messages(user: User) -> None:
    for blank in ("", " ", "\n\t\u3000"):
        await user.send(blank, expect=400)
    assert (await user.get("/api/chat/conversations"))["conversations"] == []


async def test_of_a_conversation(user: User, conversation: int) -> None:
    path = f"/api/chat/conversations/{conversation}"
    for member, limit in (("title", 200), ("folder", 100)):
        changed = await user.ask("PATCH", path, json={member: "é" * limit})
        assert changed[member] == "é" * limit
        refused = await user.ask("PATCH", path, json={member: "é" * (limit + 1)}, expect=400)
        assert names_the_limit(refused, limit), refused["detail"]
        await user.ask("PATCH", path, json={member: "  "}, expect=400)


async def test_of_tags(user: User, conversation: int) -> None:
    path = f"/api/chat/conversations/{conversation}/tags"
    await user.post(path, {"tag": "é" * 50})
    refused = await user.post(path, {"tag": "é" * 51}, expect=400)
    assert names_the_limit(refused, 50), refused["detail"]
    await user.post(path, {"tag": "  "}, expect=400)
    for number in range(49):
        await user.post(path, {"tag": f"tag {number}"})
    refused = await user.post(path, {"tag": "one too many"}, expect=400)
    assert names_the_limit(refused, 50), refused["detail"]
    assert len((await user.post(path, {"tag": "TAG 7"}))["tags"]) == 50


async def test_of_search(user: User) -> None:
    await user.get("/api/chat/search", params={"q": "é" * 512})
    refused = await user.get("/api/chat/search", params={"q": "é" * 513}, expect=400)
    assert names_the_limit(refused, 512), refused["detail"]


async def test_of_exports(user: User, conversation: int) -> None:
    ids = [conversation, *range(10**9, 10**9 + 999)]
    # As many as may be asked for, so that it is looked for which ones there are.
    await user.post("/api/exports", {"format": "txt", "conversation_ids": ids}, expect=404)
    body = {"format": "txt", "conversation_ids": [*ids, 1]}
    refused = await user.post("/api/exports", body, expect=400)
    assert names_the_limit(refused, 1000), refused["detail"]
    for choice in (
        {"conversation_ids": []},
        {"conversation_ids": ["1"]},
        {"filter": {}},
        {"all": False},
        {"all": True, "conversation_ids": [conversation]},
    ):
        await user.post("/api/exports", {"format": "txt", **choice}, expect=400)
    assert (await user.get("/api/exports"))["exports"] == []


async def test_of_unfinished_replies(user: User) -> None:
    slow = {
        "selected_providers": ["GPT-4", "Claude", "Mistral", "DeepSeek"],
        "selected_models": dict.fromkeys(("GPT-4", "Claude", "Mistral", "DeepSeek"), "delay:2500"),
        "wait": {"seconds": 0},
    }
    for _ in range(12):
        await user.send("Bonjour", expect=202, **slow)
    response = await user.http.post("/api/chat/send", json={"message": "Encore", **slow})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert names_the_limit(response.json(), 50), response.json()["detail"]

    async def goes_again() -> None:
        await user.send("Encore", selected_providers=slow["selected_providers"])

    await eventually(goes_again)


@pytest.mark.parametrize(
    ("member", "limit", "at", "past"),
    [
        ("password", 10, "p" * 10, "p" * 9),
        ("password", 1024, "p" * 1024, "p" * 1025),
        ("email", 254, "{:a>242}@example.org", "{:a>243}@example.org"),
    ],
)
async def test_of_accounts(
    webox: Stack, user: User, member: str, limit: int, at: str, past: str
) -> None:
    unique = f"limits-{user.id}"
    account = {"email": f"{unique}@example.org", "password": PASSWORD, "name": "Ada"}
    async with opened(webox.url) as client:
        response = await client.post(
            "/api/auth/register", json=account | {member: past.format(unique)}
        )
        assert response.status_code == 400
        assert names_the_limit(response.json(), limit), response.json()["detail"]
        response = await client.post(
            "/api/auth/register", json=account | {member: at.format(unique)}
        )
        assert response.status_code == 201, response.text


@pytest.mark.parametrize("email", ["", "ada", "@", "a@b@c", "ada@", "a b@c.org", 3, None])
async def test_of_addresses(webox: Stack, email: object) -> None:
    account = {"email": email, "password": PASSWORD, "name": "Ada"}
    async with opened(webox.url) as client:
        response = await client.post("/api/auth/register", json=account)
        assert response.status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"id": ""},
        {"id": "x" * 256},
        {"source": None},
        {"time": "yesterday"},
        {"time": "2025-11-24T14:30:00"},
        {"subject": ""},
        {"data": None},
        {"data": {}},
        {"data": {"user_id": "1"}},
        {"data": {"user_id": True}},
        {"data": {"user_id": OWN, "bytes": -1}},
        {"type": "webox.storage.changed", "data": {"user_id": OWN}},
    ],
)
async def test_of_events(user: User, changes: dict[str, Any]) -> None:
    token = await user.token_with("events:write")
    event = cloud_event(user.id, "webox.website.created", name="Portfolio") | changes
    if event["data"] and event["data"].get("user_id") == OWN:
        event["data"] = event["data"] | {"user_id": user.id}
    await report(user.http, token, event, expect=400)
    assert (await user.get("/api/dashboard/stats"))["websites"] == 0


async def test_of_names_in_events(user: User) -> None:
    token = await user.token_with("events:write")
    event = cloud_event(user.id, "webox.website.created", name="é" * 201)
    await report(user.http, token, event, expect=400)
    event["data"]["name"] = "é" * 200
    await report(user.http, token, event)

    async def listed() -> None:
        (project,) = (await user.get("/api/dashboard/recent-projects"))["projects"]
        assert project["name"] == "é" * 200

    await eventually(listed)
