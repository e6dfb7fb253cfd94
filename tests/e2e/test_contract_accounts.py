"""The contract's rows of accounts and tokens, literally."""

import httpx
import pytest
from webox_stack import A_MOMENT, AN_ID, Stack, User, eventually, opened, picked
from webox_stack.reports import cloud_event
from webox_stack.shapes import SOME_TEXT
from webox_stack.user import PASSWORD

SCOPES = ("chat", "exports", "dashboard:read", "events:write")
# One route that each scope opens, and what it answers somebody who may.
ROUTES = {
    "chat": ("GET", "/api/chat/conversations", 200),
    "exports": ("GET", "/api/exports", 200),
    "dashboard:read": ("GET", "/api/dashboard/stats", 200),
    "events:write": ("POST", "/api/events", 202),
}


@pytest.fixture
async def stranger(webox: Stack) -> httpx.AsyncClient:
    """Somebody without a token."""
    async with opened(webox.url) as client:
        yield client


async def status_with(webox: Stack, token: str, path: str) -> int:
    async with opened(webox.url, token) as client:
        return (await client.get(path)).status_code


class TestRegister:
    async def test_answers_with_the_user(self, stranger: httpx.AsyncClient) -> None:
        account = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada Lovelace"}
        response = await stranger.post("/api/auth/register", json=account)
        assert response.status_code == 201
        assert response.json() == {
            "id": AN_ID,
            "email": "ada@example.org",
            "name": "Ada Lovelace",
            "role": "user",
            "created_at": A_MOMENT,
        }

    async def test_taken_in_any_spelling(self, user: User, stranger: httpx.AsyncClient) -> None:
        account = {"email": user.email.upper(), "password": PASSWORD, "name": "Ada"}
        response = await stranger.post("/api/auth/register", json=account)
        assert response.status_code == 409


class TestLogin:
    async def test_answers_with_a_token_and_sets_the_cookie(
        self, webox: Stack, user: User, stranger: httpx.AsyncClient
    ) -> None:
        credentials = {"email": user.email, "password": PASSWORD}
        response = await stranger.post("/api/auth/login", json=credentials)
        answer = response.json()
        assert answer == {
            "access_token": SOME_TEXT,
            "token_type": "bearer",
            "expires_in": 14 * 24 * 3600,
            "user": await user.get("/api/auth/me"),
        }
        assert await status_with(webox, answer["access_token"], "/api/auth/me") == 200
        cookie = response.headers["Set-Cookie"]
        assert cookie.startswith(f"access_token={answer['access_token']};")
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()

    async def test_what_is_wrong_is_not_said(self, user: User, stranger: httpx.AsyncClient) -> None:
        answers = []
        for email, password in ((user.email, "wrong-password"), ("no@example.org", PASSWORD)):
            response = await stranger.post(
                "/api/auth/login", json={"email": email, "password": password}
            )
            assert response.status_code == 401
            answers.append(response.json() | {"request_id": ""})
        assert answers[0] == answers[1]

    async def test_the_cookie_opens_the_api_to_pages_of_the_same_origin(
        self, webox: Stack, user: User
    ) -> None:
        cookie = {"Cookie": f"access_token={user.token}"}
        async with opened(webox.url) as page:
            assert (await page.get("/api/auth/me", headers=cookie)).status_code == 200
            for site, status in (("same-origin", 200), ("cross-site", 403)):
                answer = await page.post(
                    "/api/dashboard/notifications/read-all",
                    headers=cookie | {"Sec-Fetch-Site": site},
                )
                assert answer.status_code == status, site


class TestLogout:
    async def test_the_token_stops_working_everywhere(self, webox: Stack, user: User) -> None:
        await user.ask("POST", "/api/auth/logout", expect=204)

        async def stopped() -> None:
            for path in ("/api/auth/me", "/api/chat/conversations", "/api/dashboard/stats"):
                assert await status_with(webox, user.token, path) == 401

        await eventually(stopped, seconds=5)


class TestTokens:
    async def test_is_shown_once(self, user: User) -> None:
        body = {"name": "CI", "scopes": ["chat"], "expires_in_days": 30}
        made = await user.post("/api/auth/tokens", body, expect=201)
        expected = {
            "id": AN_ID,
            "name": "CI",
            "scopes": ["chat"],
            "created_at": A_MOMENT,
            "expires_at": A_MOMENT,
            "token": SOME_TEXT,
        }
        assert picked(made, expected) == expected
        listed = await user.get("/api/auth/tokens")
        shown = {name: value for name, value in made.items() if name != "token"}
        assert listed == {"tokens": [shown | {"last_used_at": None}], "next_cursor": None}

    @pytest.mark.parametrize("scope", SCOPES)
    async def test_opens_what_its_scopes_say(self, webox: Stack, user: User, scope: str) -> None:
        event = cloud_event(user.id, "webox.website.updated")
        async with opened(webox.url, await user.token_with(scope)) as client:
            for needed, (method, path, status) in ROUTES.items():
                response = await client.request(
                    method,
                    path,
                    json=event if method == "POST" else None,
                    headers={"Content-Type": "application/cloudevents+json"},
                )
                assert response.status_code == (status if needed == scope else 403), path

    async def test_a_session_holds_all_but_reporting(self, user: User) -> None:
        for scope, (method, path, _) in ROUTES.items():
            event = {"content": b"{}"} if method == "POST" else {}
            headers = {"Content-Type": "application/cloudevents+json"}
            response = await user.http.request(method, path, headers=headers, **event)
            assert (response.status_code == 403) == (scope == "events:write"), path

    async def test_admin_is_for_admins(self, user: User) -> None:
        body = {"name": "mine", "scopes": ["admin"]}
        await user.post("/api/auth/tokens", body, expect=403)

    async def test_cannot_make_another(self, webox: Stack, user: User) -> None:
        async with opened(webox.url, await user.token_with(*SCOPES)) as client:
            response = await client.post("/api/auth/tokens", json={"name": "x", "scopes": ["chat"]})
            assert response.status_code == 403

    async def test_deleted_stops_working(self, webox: Stack, user: User) -> None:
        token = await user.token_with("chat")
        assert await status_with(webox, token, "/api/chat/conversations") == 200
        (made,) = (await user.get("/api/auth/tokens"))["tokens"]
        assert made["last_used_at"] is None or made["last_used_at"] == A_MOMENT
        await user.delete(f"/api/auth/tokens/{made['id']}", expect=204)

        async def stopped() -> None:
            assert await status_with(webox, token, "/api/chat/conversations") == 401

        await eventually(stopped, seconds=5)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic dXNlcjpwdw=="])
async def test_without_a_good_token_is_401(stranger: httpx.AsyncClient, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for path in ("/api/auth/me", "/api/chat/conversations", "/api/exports", "/api/dashboard/stats"):
        response = await stranger.get(path, headers=headers)
        assert response.status_code == 401, path
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.headers["Content-Type"] == "application/problem+json"
