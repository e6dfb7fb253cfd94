"""What nobody should send: answered with a problem that helps, never with 500, nothing written."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from webox_stack import Stack, User, registered
from webox_stack.reports import MEDIA_TYPE, cloud_event

JSON_ROUTES = (
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/tokens"),
    ("POST", "/api/chat/send"),
    ("POST", "/api/chat/conversations/{}/favorite"),
    ("POST", "/api/chat/conversations/{}/tags"),
    ("PATCH", "/api/chat/conversations/{}"),
    ("PATCH", "/api/chat/folders/x"),
    ("PATCH", "/api/chat/tags/x"),
    ("PATCH", "/api/chat/settings"),
    ("POST", "/api/exports"),
    ("POST", "/api/events"),
)
ID_ROUTES = (
    ("GET", "/api/chat/conversations/{}"),
    ("DELETE", "/api/chat/conversations/{}"),
    ("PATCH", "/api/chat/conversations/{}"),
    ("POST", "/api/chat/conversations/{}/favorite"),
    ("POST", "/api/chat/conversations/{}/tags"),
    ("DELETE", "/api/chat/conversations/{}/tags/x"),
    ("GET", "/api/chat/conversations/{}/export"),
    ("GET", "/api/chat/messages/{}"),
    ("GET", "/api/exports/{}"),
    ("GET", "/api/exports/{}/download"),
    ("DELETE", "/api/exports/{}"),
    ("POST", "/api/dashboard/notifications/{}/read"),
    ("DELETE", "/api/auth/tokens/{}"),
)
LISTS = (
    "/api/chat/conversations",
    "/api/chat/search?q=x",
    "/api/exports",
    "/api/auth/tokens",
    "/api/dashboard/recent-activity",
    "/api/dashboard/notifications",
)
# What JSON's `\u` notation allows and no text may hold; written so, it passes every encoder.
UNSTORABLE = r"avant\u0000milieu\ud800après"
STORED = "avant\ufffdmilieu\ufffdaprès"


@pytest.fixture(scope="module")
async def someone(webox: Stack) -> AsyncIterator[User]:
    async with registered(webox.url) as user:
        yield user


@pytest.fixture(scope="module")
async def conversation(someone: User) -> int:
    sent = await someone.send("Bonjour", selected_providers=["GPT-4"])
    conversation_id: int = sent["conversation_id"]
    return conversation_id


@pytest.fixture(scope="module")
async def events_token(someone: User) -> str:
    return await someone.token_with("events:write")


@pytest.fixture(scope="module")
async def before(someone: User, conversation: int, events_token: str) -> list[Any]:
    """What there is before anything bad is sent."""
    del conversation, events_token
    return await everything_of(someone)


async def everything_of(user: User) -> list[Any]:
    (listed,) = (await user.get("/api/chat/conversations"))["conversations"]
    return [
        await user.get(f"/api/chat/conversations/{listed['id']}"),
        await user.get("/api/exports"),
        [each["id"] for each in (await user.get("/api/auth/tokens"))["tokens"]],
    ]


async def refused(response: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert response.status_code in statuses, f"{response.status_code}: {response.text[:500]}"
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem.keys() >= {"type", "title", "status", "detail", "instance", "request_id"}
    assert problem["status"] == response.status_code
    assert problem["detail"]
    return problem


def media_type_of(path: str) -> str:
    return MEDIA_TYPE if path == "/api/events" else "application/json"


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
async def test_bodies_that_are_none(
    someone: User, conversation: int, events_token: str, before: list[Any], method: str, path: str
) -> None:
    headers = {"Content-Type": media_type_of(path)}
    if path == "/api/events":
        headers["Authorization"] = f"Bearer {events_token}"
    for body in (
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'"text"',
        b"3",
        b"{}",
        b'{"message": NaN, "tag": NaN}',
        b'{"message": 1e999, "tag": 1, "email": [], "format": {}, "is_favorite": "yes"}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        ('{"conversation_id": ' + "9" * 5000 + ', "message": 1}').encode(),
    ):
        # Every member of PATCH may be left out, and favorite toggles without a body.
        if (method == "PATCH" and body == b"{}") or (path.endswith("/favorite") and not body):
            continue
        response = await someone.http.request(
            method, path.format(conversation), content=body, headers=headers
        )
        await refused(response, 400, 401)
    assert await everything_of(someone) == before


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
async def test_bodies_of_another_kind(
    someone: User, conversation: int, method: str, path: str
) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = await someone.http.request(
            method,
            path.format(conversation),
            content=b'{"message": "x", "tag": "x"}',
            headers={"Content-Type": media_type},
        )
        await refused(response, 415)


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
async def test_bodies_over_a_mebibyte(
    someone: User, conversation: int, method: str, path: str
) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65536

    for body in (b" " * (1024 * 1024 + 1), in_pieces()):
        response = await someone.http.request(
            method,
            path.format(conversation),
            content=body,
            headers={"Content-Type": media_type_of(path)},
        )
        await refused(response, 413)


@pytest.mark.parametrize(("method", "path"), ID_ROUTES)
async def test_ids_that_are_none(someone: User, method: str, path: str) -> None:
    body = {"title": "x", "tag": "x"} if method in {"PATCH", "POST"} else None
    if path.endswith("/favorite"):
        body = {"is_favorite": True}
    for bad in ("abc", "0", "-1", "1.5", "9" * 30, "%00", "%ED%A0%80", "%F0%9F%98%80", "1%2F2"):
        response = await someone.http.request(method, path.format(bad), json=body)
        await refused(response, 400, 404, 405)


@pytest.mark.parametrize("path", LISTS)
async def test_pages_that_are_none(someone: User, path: str) -> None:
    most = 50 if "search" in path else 200
    between = "&" if "?" in path else "?"
    await someone.get(f"{path}{between}limit={most}")
    for query in (
        "limit=0",
        f"limit={most + 1}",
        "limit=many",
        "skip=-1",
        "skip=" + "9" * 30,
        "cursor=nonsense",
        "cursor=%00",
        "cursor=" + "x" * 2000,
        "cursor=WyJhIiwgMV0&skip=1",
    ):
        await refused(await someone.http.get(f"{path}{between}{query}"), 400)


async def test_a_cursor_of_another_list(someone: User) -> None:
    for _ in range(2):
        await someone.post("/api/auth/tokens", {"name": "x", "scopes": ["chat"]}, expect=201)
    cursor = (await someone.get("/api/auth/tokens?limit=1"))["next_cursor"]
    for path in set(LISTS) - {"/api/auth/tokens"}:
        between = "&" if "?" in path else "?"
        await refused(await someone.http.get(f"{path}{between}cursor={cursor}"), 400)


@pytest.mark.parametrize(
    "query",
    [
        "conversations?favorite=perhaps",
        "conversations?archived=2",
        "conversations?folder=" + "x" * 101,
        "conversations?tag=" + "x" * 51,
        "conversations/{}?messages_limit=1001",
        "conversations/{}?messages_from=middle",
        "conversations/{}?messages_cursor=nonsense",
        "conversations/{}/export?format=exe",
        "conversations/{}/export?format=%00",
        "search",
        "search?q=",
        "search?q=%20",
        "search?q=" + "x" * 513,
        "search?q=x&role=robot",
        "search?q=x&from=yesterday",
        "search?q=x&from=2025-01-02&to=2025-01-01",
        "search?q=x&nonsense=1",
    ],
)
async def test_queries_that_are_none(someone: User, conversation: int, query: str) -> None:
    await refused(await someone.http.get("/api/chat/" + query.format(conversation)), 400)


@pytest.mark.parametrize("text", ["%00", "a%00b", "%ED%A0%80", "%FF%FE", "%F0%9F%98%80", "%22%5C"])
async def test_queries_with_odd_text(someone: User, conversation: int, text: str) -> None:
    for query in (f"conversations?folder={text}", f"conversations?tag={text}", f"search?q={text}"):
        response = await someone.http.get(f"/api/chat/{query}")
        assert response.status_code in {200, 400}, query
    for labels in ("folders", "tags"):
        path = f"/api/chat/{labels}/{text}"
        await refused(await someone.http.delete(path), 400, 404)
        await refused(await someone.http.patch(path, json={"name": "x"}), 400, 404)
    removed = await someone.http.delete(f"/api/chat/conversations/{conversation}/tags/{text}")
    assert removed.status_code in {200, 400, 404}


class TestTextThatCannotBeStored:
    """NUL and lone surrogates are replaced; a message with them is a message."""

    async def send(self, user: User, body: str, path: str = "/api/chat/send") -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        return await user.http.post(path, content=body.encode(), headers=headers)

    async def test_in_messages_and_folders(self, user: User) -> None:
        body = f'{{"message": "{UNSTORABLE}", "folder": "{UNSTORABLE}"}}'
        response = await self.send(user, body)
        assert response.status_code == 200, response.text
        assert response.json()["user_message"] == STORED
        (shown,) = (await user.get("/api/chat/conversations"))["conversations"]
        assert (shown["title"], shown["folder"]) == (STORED, STORED)

    async def test_in_tags_and_titles(self, user: User) -> None:
        sent = await user.send("Bonjour", selected_providers=["GPT-4"])
        path = f"/api/chat/conversations/{sent['conversation_id']}"
        response = await self.send(user, f'{{"tag": "{UNSTORABLE}"}}', f"{path}/tags")
        assert response.json() == {"tags": [STORED]}
        headers = {"Content-Type": "application/json"}
        title = f'{{"title": "{UNSTORABLE}"}}'.encode()
        response = await user.http.patch(path, content=title, headers=headers)
        assert response.json()["title"] == STORED

    async def test_in_names_and_events(self, user: User) -> None:
        event = json.dumps(cloud_event(user.id, "webox.website.created", name="NAME"))
        response = await user.http.post(
            "/api/events",
            content=event.replace("NAME", UNSTORABLE).encode(),
            headers={
                "Content-Type": MEDIA_TYPE,
                "Authorization": f"Bearer {await user.token_with('events:write')}",
            },
        )
        assert response.status_code == 202
        token = await self.send(
            user, f'{{"name": "{UNSTORABLE}", "scopes": ["chat"]}}', "/api/auth/tokens"
        )
        assert token.json()["name"] == STORED

    async def test_in_choices_it_is_only_wrong(self, user: User) -> None:
        for member in ("selected_providers", "scopes", "format", "email"):
            for path in ("/api/chat/send", "/api/auth/tokens", "/api/exports", "/api/auth/login"):
                response = await self.send(
                    user, f'{{"message": "x", "{member}": ["{UNSTORABLE}"]}}', path
                )
                assert response.status_code in {200, 400}
