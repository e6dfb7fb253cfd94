"""What goes on to the services, and what never does."""

from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OKPKey

from webox_contracts.identity import ASSERTION_HEADER
from webox_gateway.testing import Gateway
from webox_kit.testing import Keys


async def test_each_path_has_its_service(gateway: Gateway) -> None:
    person = await gateway.user()
    for method, path, service in (
        ("GET", "/api/chat/search?q=a", "search"),
        ("POST", "/api/chat/send", "chat"),
        ("PATCH", "/api/chat/messages/5", "chat"),
        ("GET", "/api/chat/conversations/5/export?format=pdf", "exporter"),
        ("DELETE", "/api/chat/conversations/5/tags/export", "chat"),
        ("POST", "/api/exports", "exporter"),
        ("GET", "/api/exports/0197/download", "exporter"),
        ("GET", "/api/dashboard/stats", "dashboard"),
    ):
        answer = await gateway.client.request(method, path, headers=person.bearer)
        assert answer.status_code == 200
        assert answer.json()["service"] == service
        assert answer.json()["method"] == method
        assert answer.json()["path"] == path


async def seen_headers(gateway: Gateway, raw_headers: bytes, method: bytes = b"GET") -> Any:
    """What the dashboard got of a request with these header lines; None: it was refused."""
    upstream = gateway.upstreams["dashboard"]
    upstream.seen.clear()
    await gateway.raw(
        method
        + b" /api/dashboard/stats HTTP/1.1\r\nHost: x\r\n"
        + raw_headers
        + b"Connection: close\r\n\r\n"
    )
    return upstream.seen[0]["headers"] if upstream.seen else None


class TestIdentity:
    async def test_the_service_gets_a_signed_assertion_for_itself(
        self, gateway: Gateway, keys: Keys
    ) -> None:
        person = await gateway.user()
        seen = (await gateway.client.get("/api/chat/folders", headers=person.bearer)).json()
        headers = dict(seen["headers"])
        public = OKPKey.import_key(keys.public_key_file.read_bytes())
        claims = jwt.decode(headers[ASSERTION_HEADER], public, algorithms=["Ed25519"]).claims
        assert claims["aud"] == "chat"
        assert claims["sub"] == str(person.id)
        assert claims["role"] == "user"
        assert claims["scopes"] == ["chat", "dashboard:read", "exports"]
        assert "authorization" not in headers
        assert "cookie" not in headers

    async def test_every_client_spelling_of_it_is_removed(self, gateway: Gateway) -> None:
        person = await gateway.user()
        authorization = f"Authorization: Bearer {person.token}\r\n".encode()
        for forged in (
            b"X-Webox-Assertion: forged\r\n",
            b"x-webox-assertion: forged\r\nX-WEBOX-ASSERTION: forged\r\n",
            b"X-User-Id: forged\r\nX-Webox-User: forged\r\n",
            b"X-Webox-Assertion: forged\r\nConnection: x-webox-assertion, keep-alive\r\n",
        ):
            headers = await seen_headers(gateway, authorization + forged)
            assert "forged" not in repr(headers)
            assert [name for name, _ in headers].count(ASSERTION_HEADER) == 1

    async def test_underscore_twins_are_refused(self, gateway: Gateway) -> None:
        person = await gateway.user()
        authorization = f"Authorization: Bearer {person.token}\r\n".encode()
        for twin in (b"X_Webox_Assertion: forged\r\n", b"content_length: 5\r\n"):
            assert await seen_headers(gateway, authorization + twin) is None
        headers = await seen_headers(gateway, authorization + b"X_Other: 1\r\n")
        assert "x_other" not in dict(headers)


class TestHeaders:
    async def test_only_known_ones_go_on(self, gateway: Gateway) -> None:
        person = await gateway.user()
        sent = {
            **person.bearer,
            "Accept": "text/event-stream",
            "Accept-Language": "en",
            "Idempotency-Key": "k",
            "Last-Event-ID": "7",
            "Prefer": "wait=3",
            "Range": "bytes=0-1",
            "If-None-Match": '"a"',
            "X-Forwarded-For": "6.6.6.6",
            "Forwarded": "for=6.6.6.6",
            "X-Anything": "1",
            "Proxy-Authorization": "x",
            "TE": "trailers",
        }
        seen = (await gateway.client.get("/api/chat/folders", headers=sent)).json()
        names = {name for name, _ in seen["headers"]}
        assert names == {
            "accept",
            "accept-language",
            "host",
            "idempotency-key",
            "if-none-match",
            "last-event-id",
            "prefer",
            "range",
            "traceparent",
            "user-agent",
            "x-request-id",
            ASSERTION_HEADER,
        }
        assert dict(seen["headers"])["user-agent"] == "webox-gateway"

    async def test_what_connection_names_is_stripped_ours_is_not(self, gateway: Gateway) -> None:
        person = await gateway.user()
        headers = await seen_headers(
            gateway,
            f"Authorization: Bearer {person.token}\r\n".encode()
            + b"Idempotency-Key: k\r\nConnection: idempotency-key, x-request-id, traceparent\r\n",
        )
        names = [name for name, _ in headers]
        assert "idempotency-key" not in names
        assert {"x-request-id", "traceparent", ASSERTION_HEADER} <= set(names)

    async def test_duplicates_are_refused(self, gateway: Gateway) -> None:
        person = await gateway.user()
        authorization = f"Authorization: Bearer {person.token}\r\n".encode()
        for twice in (
            authorization,
            b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
            b"Content-Type: a\r\ncontent-type: b\r\n",
            b"Host: evil\r\n",
            b"X-Request-ID: a\r\nX-Request-ID: b\r\n",
        ):
            assert await seen_headers(gateway, authorization + twice) is None

    async def test_answers_keep_their_headers_but_not_the_services_own(
        self, gateway: Gateway
    ) -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(
                status=201,
                text="made",
                headers={
                    "Location": f"{gateway.upstreams['exporter'].url}/api/exports/1",
                    "ETag": '"x"',
                    "Content-Disposition": "attachment; filename*=UTF-8''%C3%A9.pdf",
                    "X-Request-ID": "theirs",
                    "Set-Cookie": "access_token=stolen",
                    "Keep-Alive": "timeout=5",
                },
            )

        person = await gateway.user()
        gateway.upstreams["exporter"].answers["/api/exports"] = answer
        made = await gateway.client.post("/api/exports", json={}, headers=person.bearer)
        assert made.status_code == 201
        assert made.text == "made"
        assert made.headers["location"] == "/api/exports/1"
        assert made.headers["etag"] == '"x"'
        assert made.headers["content-disposition"].endswith("%C3%A9.pdf")
        assert made.headers["x-request-id"] != "theirs"
        assert made.headers["x-content-type-options"] == "nosniff"
        for dropped in ("set-cookie", "keep-alive", "server", ASSERTION_HEADER):
            assert dropped not in made.headers


class TestTracing:
    async def test_ids_are_taken_answered_and_passed_on(self, gateway: Gateway) -> None:
        person = await gateway.user()
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        sent = {**person.bearer, "X-Request-ID": "req-1.a_b", "traceparent": trace}
        answer = await gateway.client.get("/api/chat/folders", headers=sent)
        seen = dict(answer.json()["headers"])
        assert answer.headers["x-request-id"] == seen["x-request-id"] == "req-1.a_b"
        assert seen["traceparent"] == trace

    async def test_malformed_ones_are_made_anew(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for bad in ("x" * 129, "a b", 'a"b', "<script>"):
            sent = {**person.bearer, "X-Request-ID": bad, "traceparent": "00-0-0-00"}
            answer = await gateway.client.get("/api/chat/folders", headers=sent)
            seen = dict(answer.json()["headers"])
            assert bad not in repr(answer.headers)
            assert answer.headers["x-request-id"] == seen["x-request-id"]
            assert len(seen["traceparent"]) == 55

    async def test_refusals_carry_it_too(self, gateway: Gateway) -> None:
        sent = {"X-Request-ID": "req-2"}
        for path in ("/api/chat/folders", "/nothing", "/internal/x"):
            answer = await gateway.client.get(path, headers=sent)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["instance"] == path
        answer = await gateway.client.get("/api/chat/folders", headers=sent)
        assert answer.json()["request_id"] == answer.headers["x-request-id"] == "req-2"


class TestPaths:
    async def test_internal_is_404_in_every_spelling(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for path in (
            "/internal/conversations",
            "//INTERNAL/x",
            "/%69nternal/x",
            "/api/chat/../../internal/x",
            "/api/chat/%2e%2e/%2e%2e/internal/x",
            "/api/chat/..%2f..%2finternal/x",
            "/api/chat\\..\\..\\internal/x",
            "/api/chat/..;/..;/internal/x",
        ):
            answer = await gateway.raw(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            assert answer.startswith(b"HTTP/1.1 404 "), path
            assert b"application/problem+json" in answer
        assert all(not upstream.seen for upstream in gateway.upstreams.values())

    async def test_text_in_a_path_arrives_as_it_was_sent(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for path in (
            "/api/chat/conversations/5/tags/a%2Fb",
            "/api/chat/conversations/5/tags/a%252Fb",
            "/api/chat/conversations/5/tags/%C3%A9%20%3F%23;x",
            "/api/chat/conversations/5/tags/internal",
            "/api/chat/conversations/5/tags/a%2F..%2Fb",
            "/api/chat/folders/G%C3%A9n%C3%A9ral",
            "/api/chat/conversations/5/tags/a%5Cb",
        ):
            await gateway.raw(
                f"DELETE {path}?x=%2F&y=a+b HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {person.token}\r\nConnection: close\r\n\r\n".encode()
            )
            assert gateway.upstreams["chat"].seen[-1]["path"] == f"{path}?x=%2F&y=a+b"


class TestMethods:
    async def test_head_is_a_get_without_its_body(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for path in ("/api/dashboard/stats", "/api/auth/me", "/login"):
            got = await gateway.client.get(path, headers=person.bearer)
            head = await gateway.client.head(path, headers=person.bearer)
            assert head.status_code == 200
            assert head.content == b""
            assert head.headers["content-type"] == got.headers["content-type"]

    async def test_unknown_methods_are_405(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for method, path in (
            ("TRACE", "/api/chat/send"),
            ("PUT", "/api/auth/me"),
            ("OPTIONS", "/api/auth/me"),
            ("POST", "/healthz"),
        ):
            answer = await gateway.client.request(method, path, headers=person.bearer)
            assert answer.status_code == 405, method
            assert answer.headers["content-type"] == "application/problem+json"

    async def test_methods_of_services_are_theirs_to_refuse(self, gateway: Gateway) -> None:
        person = await gateway.user()
        answer = await gateway.client.request("OPTIONS", "/api/chat/send", headers=person.bearer)
        assert answer.json()["method"] == "OPTIONS"


class TestScopes:
    async def test_each_path_takes_its_scope(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for scope, allowed in (
            ("chat", {"/api/chat/folders", "/api/chat/search"}),
            ("exports", {"/api/exports", "/api/chat/conversations/1/export"}),
            ("dashboard:read", {"/api/dashboard/stats"}),
        ):
            made = await gateway.client.post(
                "/api/auth/tokens",
                json={"name": "t", "scopes": [scope]},
                headers=person.bearer,
            )
            bearer = {"Authorization": f"Bearer {made.json()['token']}"}
            for path in (
                "/api/chat/folders",
                "/api/chat/search",
                "/api/exports",
                "/api/chat/conversations/1/export",
                "/api/dashboard/stats",
            ):
                answer = await gateway.client.get(path, headers=bearer)
                assert answer.status_code == (200 if path in allowed else 403), (scope, path)

    async def test_operations_are_for_admins(self, gateway: Gateway) -> None:
        user, admin = await gateway.user(), await gateway.user("root@example.org", role="admin")
        for path in ("/ops", "/ops/chat", "/ops/gateway", "/metrics"):
            assert (await gateway.client.get(path)).status_code == 401
            assert (await gateway.client.get(path, headers=user.bearer)).status_code == 403
            assert (await gateway.client.get(path, headers=admin.bearer)).status_code == 200
        assert [
            seen["path"] for seen in gateway.upstreams["chat"].seen if "ops" in seen["path"]
        ] == ["/ops"]
        assert (await gateway.client.get("/ops/nothing", headers=admin.bearer)).status_code == 404
