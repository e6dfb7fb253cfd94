import asyncio
import re
from typing import Any

import orjson
import pytest

from webox_gateway.main import create_app
from webox_gateway.models import account, session
from webox_gateway.settings import GatewaySettings
from webox_gateway.testing import PASSWORD, Gateway, StartGateway
from webox_kit.errors import ConfigurationError
from webox_kit.event_tables import outbox
from webox_kit.testing import Keys

ADA = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}


async def published(gateway: Gateway) -> list[dict[str, Any]]:
    async with gateway.database.engine.connect() as connection:
        rows = await connection.execute(outbox.select().order_by(outbox.c.id))
        return [orjson.loads(row.event) for row in rows]


class TestRegister:
    async def test_answers_the_user_and_says_so_to_the_services(self, gateway: Gateway) -> None:
        answer = await gateway.client.post("/api/auth/register", json=ADA)
        assert answer.status_code == 201
        user = answer.json()
        assert user["id"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user.pop("created_at"))
        assert user == {
            "id": user["id"],
            "email": "ada@example.org",
            "name": "Ada",
            "role": "user",
        }
        [event] = await published(gateway)
        assert event["type"] == "gateway.user_registered"
        assert event["data"]["user_id"] == user["id"]
        assert event["requestid"] == answer.headers["x-request-id"]

    async def test_an_email_is_taken_in_any_case(self, gateway: Gateway) -> None:
        await gateway.client.post("/api/auth/register", json=ADA)
        again = await gateway.client.post(
            "/api/auth/register", json={**ADA, "email": " ADA@example.org"}
        )
        assert again.status_code == 409
        assert again.headers["content-type"] == "application/problem+json"
        assert len(await published(gateway)) == 1

    async def test_of_many_at_once_one_gets_the_email(self, gateway: Gateway) -> None:
        answers = await asyncio.gather(
            *(gateway.client.post("/api/auth/register", json=ADA) for _ in range(8))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
        assert len(await published(gateway)) == 1

    async def test_what_is_not_ours_to_choose_is_ignored(self, gateway: Gateway) -> None:
        body = {**ADA, "role": "admin", "id": 77, "created_at": "2001-01-01T00:00:00Z"}
        user = (await gateway.client.post("/api/auth/register", json=body)).json()
        assert user["role"] == "user"
        assert user["id"] != 77
        assert not user["created_at"].startswith("2001")

    async def test_bad_fields_are_named(self, gateway: Gateway) -> None:
        for change, pointer in (
            ({"email": "nobody"}, "#/email"),
            ({"email": "a@" + "b" * 249 + ".org"}, "#/email"),
            ({"email": 5}, "#/email"),
            ({"email": None}, "#/email"),
            ({"password": "123456789"}, "#/password"),
            ({"password": "x" * 1025}, "#/password"),
            ({"name": ""}, "#/name"),
            ({"name": "  "}, "#/name"),
            ({"name": "x" * 101}, "#/name"),
        ):
            answer = await gateway.client.post("/api/auth/register", json={**ADA, **change})
            assert answer.status_code == 400, change
            problem = answer.json()
            assert problem["status"] == 400
            assert problem["instance"] == "/api/auth/register"
            assert problem["request_id"] == answer.headers["x-request-id"]
            assert [error["pointer"] for error in problem["errors"]] == [pointer]

    async def test_the_limits_themselves_are_fine(self, gateway: Gateway) -> None:
        local = "a" * (254 - len("@example.org"))
        for number, change in enumerate(
            [
                {"email": f"{local}@example.org"},
                {"password": "x" * 10},
                {"password": "é" * 1024},
                {"name": "x" * 100},
            ]
        ):
            body = {**ADA, "email": f"ada{number}@example.org", **change}
            answer = await gateway.client.post("/api/auth/register", json=body)
            assert answer.status_code == 201, answer.text

    async def test_unstorable_text_is_replaced(self, gateway: Gateway) -> None:
        body = (
            b'{"email": "ada@example.org", "password": "pass\\u0000\\ud800word",'
            b' "name": "A\\u0000\\udfffB"}'
        )
        headers = {"Content-Type": "application/json"}
        answer = await gateway.client.post("/api/auth/register", content=body, headers=headers)
        assert answer.status_code == 201
        assert answer.json()["name"] == "A\ufffd\ufffdB"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"x"'])
    async def test_what_is_no_object_is_refused(self, gateway: Gateway, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await gateway.client.post("/api/auth/register", content=body, headers=headers)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
    async def test_other_media_types_are_refused(self, gateway: Gateway, media_type: str) -> None:
        answer = await gateway.client.post(
            "/api/auth/register", content=b"{}", headers={"Content-Type": media_type}
        )
        assert answer.status_code == 415

    async def test_can_be_switched_off(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(registration=False)
        answer = await gateway.client.post("/api/auth/register", json=ADA)
        assert answer.status_code == 403
        assert await published(gateway) == []


class TestLogin:
    async def test_answers_a_token_and_sets_the_cookie(self, gateway: Gateway) -> None:
        await gateway.client.post("/api/auth/register", json=ADA)
        credentials = {"email": "Ada@Example.org", "password": PASSWORD}
        answer = await gateway.client.post("/api/auth/login", json=credentials)
        assert answer.status_code == 200
        signed_in = answer.json()
        assert signed_in["token_type"] == "bearer"
        assert signed_in["expires_in"] == 14 * 86_400
        assert signed_in["user"]["email"] == "ada@example.org"
        assert answer.headers["cache-control"] == "no-store"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"access_token={signed_in['access_token']};")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Secure" not in cookie
        me = await gateway.client.get("/api/auth/me")  # by the cookie
        assert me.json() == signed_in["user"]

    async def test_the_cookie_is_secure_behind_tls(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(trusted_proxies="127.0.0.0/8")
        await gateway.client.post("/api/auth/register", json=ADA)
        answer = await gateway.client.post(
            "/api/auth/login", json=ADA, headers={"X-Forwarded-Proto": "https"}
        )
        assert "Secure" in answer.headers["set-cookie"]

    async def test_only_trusted_proxies_say_what_tls_is(self, gateway: Gateway) -> None:
        await gateway.client.post("/api/auth/register", json=ADA)
        answer = await gateway.client.post(
            "/api/auth/login", json=ADA, headers={"X-Forwarded-Proto": "https"}
        )
        assert "Secure" not in answer.headers["set-cookie"]

    async def test_wrong_and_unknown_look_the_same(self, gateway: Gateway) -> None:
        await gateway.client.post("/api/auth/register", json=ADA)
        wrong = await gateway.client.post(
            "/api/auth/login", json={**ADA, "password": "canary-wrong-password"}
        )
        unknown = await gateway.client.post(
            "/api/auth/login", json={**ADA, "email": "eve@example.org"}
        )
        assert wrong.status_code == unknown.status_code == 401
        ours = {"request_id": None}
        assert {**wrong.json(), **ours} == {**unknown.json(), **ours}
        varying = {"date", "x-request-id"}
        assert {k: v for k, v in wrong.headers.items() if k not in varying} == {
            k: v for k, v in unknown.headers.items() if k not in varying
        }

    async def test_only_digests_are_kept(self, gateway: Gateway) -> None:
        person = await gateway.user()
        async with gateway.database.engine.connect() as connection:
            for table in (account, session):
                rows = (await connection.execute(table.select())).all()
                assert PASSWORD not in repr(rows)
                assert person.token not in repr(rows)

    async def test_ten_wrong_tries_then_429(self, gateway: Gateway) -> None:
        await gateway.client.post("/api/auth/register", json=ADA)
        wrong = {**ADA, "password": "canary-wrong-password"}
        for _ in range(10):
            assert (await gateway.client.post("/api/auth/login", json=wrong)).status_code == 401
        refused = await gateway.client.post("/api/auth/login", json=wrong)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 900
        right = await gateway.client.post("/api/auth/login", json=ADA)
        assert right.status_code == 429

    async def test_many_at_once_get_ten_tries_whatever_they_forward(self, gateway: Gateway) -> None:
        wrong = {**ADA, "password": "canary-wrong-password"}
        answers = await asyncio.gather(
            *(
                gateway.client.post(
                    "/api/auth/login", json=wrong, headers={"X-Forwarded-For": f"10.0.0.{each}"}
                )
                for each in range(30)
            )
        )
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(401) == 10
        assert statuses.count(429) == 20

    async def test_an_address_has_ten_tries_over_all_accounts(
        self, start_gateway: StartGateway
    ) -> None:
        gateway = await start_gateway(trusted_proxies="127.0.0.1")
        await gateway.client.post("/api/auth/register", json=ADA)

        async def attempt(email: str, address: str) -> int:
            answer = await gateway.client.post(
                "/api/auth/login",
                json={**ADA, "email": email},
                headers={"X-Forwarded-For": f"6.6.6.6, {address}"},
            )
            return answer.status_code

        for number in range(10):
            assert await attempt(f"eve{number}@example.org", "203.0.113.7") == 401
        assert await attempt("eve10@example.org", "203.0.113.7") == 429
        assert await attempt("eve11@example.org", "203.0.113.8") == 401  # another address
        assert await attempt("ada@example.org", "203.0.113.9") == 200  # others are unaffected

    async def test_a_success_gives_the_try_back(self, gateway: Gateway) -> None:
        await gateway.client.post("/api/auth/register", json=ADA)
        for _ in range(12):
            assert (await gateway.client.post("/api/auth/login", json=ADA)).status_code == 200

    async def test_tries_come_back_with_time(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(login_tries=1, login_window_seconds=1)
        await gateway.client.post("/api/auth/register", json=ADA)
        wrong = {**ADA, "password": "canary-wrong-password"}
        assert (await gateway.client.post("/api/auth/login", json=wrong)).status_code == 401
        refused = await gateway.client.post("/api/auth/login", json=ADA)
        assert refused.status_code == 429
        async with asyncio.timeout(10):
            while (await gateway.client.post("/api/auth/login", json=ADA)).status_code != 200:
                pass

    async def test_a_stale_cookie_does_not_hinder(self, gateway: Gateway) -> None:
        await gateway.client.post("/api/auth/register", json=ADA)
        answer = await gateway.client.post(
            "/api/auth/login", json=ADA, headers={"Cookie": "access_token=stale"}
        )
        assert answer.status_code == 200


class TestLogout:
    async def test_the_token_and_the_cookie_stop_at_once(self, gateway: Gateway) -> None:
        person = await gateway.user()
        answer = await gateway.client.post("/api/auth/logout", headers=person.bearer)
        assert answer.status_code == 204
        assert 'access_token=""' in answer.headers["set-cookie"]
        assert (await gateway.client.get("/api/auth/me", headers=person.bearer)).status_code == 401
        forwarded = await gateway.client.get("/api/dashboard/stats", headers=person.bearer)
        assert forwarded.status_code == 401

    async def test_it_stops_in_other_processes_within_five_seconds(
        self, start_gateway: StartGateway
    ) -> None:
        first, second = await start_gateway(), await start_gateway()
        person = await first.user()
        assert (await second.client.get("/api/auth/me", headers=person.bearer)).status_code == 200
        await first.client.post("/api/auth/logout", headers=person.bearer)
        async with asyncio.timeout(5):
            while True:
                answer = await second.client.get("/api/dashboard/stats", headers=person.bearer)
                if answer.status_code == 401:
                    break

    async def test_other_sessions_go_on(self, gateway: Gateway) -> None:
        first = await gateway.user()
        second = await gateway.sign_in(first.email)
        await gateway.client.post("/api/auth/logout", headers=first.bearer)
        assert (await gateway.client.get("/api/auth/me", headers=second.bearer)).status_code == 200


class TestWho:
    @pytest.mark.parametrize(
        "authorization", ["", "Bearer", "Bearer wbs_nobody", "Basic YTpi", "bearer é"]
    )
    async def test_no_good_token_is_401(self, gateway: Gateway, authorization: str) -> None:
        for path in ("/api/auth/me", "/api/chat/conversations", "/ops"):
            answer = await gateway.client.get(
                path, headers={"Authorization": authorization.encode("latin-1")}
            )
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_an_expired_session_is_401(self, gateway: Gateway) -> None:
        person = await gateway.user()
        async with gateway.database.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE session SET expires_at = now()")
        assert (await gateway.client.get("/api/auth/me", headers=person.bearer)).status_code == 401

    async def test_a_bearer_token_goes_before_the_cookie(self, gateway: Gateway) -> None:
        person = await gateway.user()
        answer = await gateway.client.get(
            "/api/auth/me",
            headers={"Authorization": "Bearer wbs_x", "Cookie": f"access_token={person.token}"},
        )
        assert answer.status_code == 401


class TestCookieRequests:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "same-origin"}, 200),
            ({"Origin": "http://{host}"}, 200),
            ({"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"}, 200),
            ({}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ],
    )
    async def test_changes_must_come_from_our_own_pages(
        self, gateway: Gateway, headers: dict[str, str], status: int
    ) -> None:
        person = await gateway.user()
        host = f"127.0.0.1:{gateway.port}"
        sent = {name: value.format(host=host) for name, value in headers.items()}
        sent["Cookie"] = f"other=1; access_token={person.token}"
        answer = await gateway.client.post("/api/chat/send", json={"message": "x"}, headers=sent)
        assert answer.status_code == status
        assert len(gateway.upstreams["chat"].seen) == (status == 200)

    async def test_reading_needs_no_origin(self, gateway: Gateway) -> None:
        person = await gateway.user()
        answer = await gateway.client.get(
            "/api/chat/folders", headers={"Cookie": f"access_token={person.token}"}
        )
        assert answer.status_code == 200

    async def test_the_public_address_is_our_origin(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(public_url="https://webox.example.org")
        person = await gateway.user()
        answer = await gateway.client.post(
            "/api/chat/send",
            json={},
            headers={
                "Cookie": f"access_token={person.token}",
                "Origin": "https://webox.example.org",
            },
        )
        assert answer.status_code == 200


def test_weak_secrets_stop_the_start(make_settings: Any, keys: Keys) -> None:
    with pytest.raises(ConfigurationError, match="PRIVATE_KEY_FILE is not set"):
        make_settings(GatewaySettings)
    with pytest.raises(ConfigurationError, match="private key"):
        create_app(make_settings(GatewaySettings, identity_private_key_file=keys.public_key_file))
