"""Whose is it? Every route that takes an id, asked by those who have no right to it."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from webox_stack import Stack, User, eventually, opened, registered
from webox_stack.reports import cloud_event, report

METHODS = ("get", "put", "post", "delete", "patch")
PUBLIC = {"/api/auth/login", "/api/auth/register"}
BODIES: dict[str, dict[str, Any]] = {
    "patch /api/chat/conversations/{conversation_id}": {"title": "Stolen"},
    "post /api/chat/conversations/{conversation_id}/tags": {"tag": "stolen"},
    "patch /api/chat/messages/{message_id}": {"message": "Stolen"},
}
# An id of the right form that nobody has.
NOBODYS = {
    "export_id": "01a20478-8cb8-7225-b23c-a9938cab904e",
    "tag": "private",
    "provider": "GPT-4",
}
CANARY = "canari-7f3a91"


class Owner:
    """A user with one of everything; `ids` by the names that paths give them."""

    def __init__(self, user: User, ids: dict[str, str]) -> None:
        self.user = user
        self.ids = ids


@pytest.fixture(scope="module")
async def owner(webox: Stack) -> AsyncIterator[Owner]:
    async with registered(webox.url) as user:
        sent = await user.send(f"Le secret est {CANARY}", selected_providers=["GPT-4"])
        conversation = sent["conversation_id"]
        await user.post(f"/api/chat/conversations/{conversation}/tags", {"tag": "private"})
        body = {"format": "txt", "conversation_ids": [conversation]}
        job = await user.post("/api/exports", body, expect=202)
        events = await user.token_with("events:write")
        website = cloud_event(user.id, "webox.website.published", name=CANARY)
        await report(user.http, events, website)

        async def all_there() -> tuple[str, str]:
            notifications = (await user.get("/api/dashboard/notifications"))["notifications"]
            assert len(notifications) == 2
            assert (await user.get(f"/api/chat/search?q={CANARY}"))["total"] == 1
            tokens = (await user.get("/api/auth/tokens"))["tokens"]
            return str(notifications[0]["id"]), str(tokens[0]["id"])

        notification, token = await eventually(all_there)
        yield Owner(
            user,
            {
                "conversation_id": str(conversation),
                "message_id": str(sent["message_id"]),
                "provider": "GPT-4",
                "tag": "private",
                "name": "private",
                "export_id": job["id"],
                "notification_id": notification,
                "token_id": token,
            },
        )


@pytest.fixture(scope="module")
async def routes(webox: Stack) -> list[tuple[str, str]]:
    """Every method and path of the API, from its own document."""
    async with opened(webox.url) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    return [(method, path) for path, item in paths.items() for method in METHODS if method in item]


async def everything_of(user: User) -> list[Any]:
    """What a user can see, for comparing before and after."""
    return [
        await user.get(path)
        for path in (
            "/api/chat/conversations",
            "/api/exports",
            "/api/dashboard/stats",
            "/api/dashboard/notifications",
        )
    ]


async def test_anothers_ids_are_answered_like_those_that_do_not_exist(
    owner: Owner, routes: list[tuple[str, str]], make_user: Any, admin: User
) -> None:
    stranger = await make_user()
    before = await everything_of(owner.user)
    with_ids = [(method, path) for method, path in routes if re.search(r"_id\}", path)]
    assert len(with_ids) >= 19
    for method, path in with_ids:
        body = BODIES.get(f"{method} {path}")
        for who in (stranger, admin):
            answers = []
            for ids in (owner.ids, dict.fromkeys(owner.ids, "987654321") | NOBODYS):
                response = await who.http.request(method, path.format_map(ids), json=body)
                assert response.status_code == 404, f"{method} {path} by {who.email}"
                answers.append(_without_ids(response.text, ids))
            assert answers[0] == answers[1], f"{method} {path}"
    assert await everything_of(owner.user) == before


def _without_ids(text: str, ids: dict[str, str]) -> str:
    text = re.sub(r'"request_id":"[^"]*"', "", text)
    for value in sorted(set(ids.values()), key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(value)}\b", "ID", text)
    return text


async def test_anothers_ids_in_bodies(owner: Owner, user: User) -> None:
    conversation = int(owner.ids["conversation_id"])
    await user.send("À moi", conversation_id=conversation, expect=404)
    own = await user.send("À moi", selected_providers=["GPT-4"])
    for ids in ([conversation], [own["conversation_id"], conversation]):
        await user.post("/api/exports", {"format": "txt", "conversation_ids": ids}, expect=404)
    shown = await owner.user.get(f"/api/chat/conversations/{conversation}")
    assert shown["message_count"] == 2


@pytest.mark.usefixtures("owner")
async def test_nothing_of_another_in_any_list(user: User) -> None:
    assert (await user.get(f"/api/chat/search?q={CANARY}"))["total"] == 0
    for path in (
        "/api/chat/conversations",
        "/api/chat/tags",
        "/api/exports",
        "/api/auth/tokens",
        "/api/dashboard/recent-projects",
        "/api/dashboard/recent-activity",
        "/api/dashboard/notifications",
    ):
        response = await user.http.get(path)
        assert response.status_code == 200
        assert CANARY not in response.text, path
        (entries,) = [value for value in response.json().values() if isinstance(value, list)]
        assert entries == [], path
    await user.post("/api/exports", {"format": "txt", "all": True}, expect=404)


async def test_nobody_gets_in(
    webox: Stack, owner: Owner, routes: list[tuple[str, str]], make_user: Any
) -> None:
    gone = await make_user()
    await gone.ask("POST", "/api/auth/logout", expect=204)

    async def signed_out() -> None:
        await gone.get("/api/auth/me", expect=401)

    await eventually(signed_out, seconds=5)
    for method, path in routes:
        if path in PUBLIC:
            continue
        body = BODIES.get(f"{method} {path}")
        for token in (None, gone.token, "wbs_forged"):
            async with opened(webox.url, token) as client:
                headers = (
                    {"Content-Type": "application/cloudevents+json"} if "events" in path else {}
                )
                response = await client.request(
                    method, path.format_map(owner.ids), json=body, headers=headers
                )
            assert response.status_code == 401, f"{method} {path} with {token}"
