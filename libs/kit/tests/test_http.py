import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from webox_probe.main import create_app
from webox_probe.settings import ProbeSettings

from webox_kit.testing import Keys, serve
from webox_local.servers import Servers
from webox_local.testing import MakeDatabase

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="session")
async def client(
    migrated: str, make_database: MakeDatabase, servers: Servers, keys: Keys
) -> AsyncIterator[httpx.AsyncClient]:
    settings = ProbeSettings.load(
        database_url=make_database(template=migrated),
        redis_url=servers.redis.url(0),
        broker_url=servers.redis.broker_url(1),
        identity_public_key_file=keys.public_key_file,
        service_secret_file=keys.service_secret_file,
    )
    async with serve(create_app(settings)) as client:
        yield client


def assert_problem(response: httpx.Response, status: int, title: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["title"], body["type"]) == (status, title, "about:blank")
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["x-request-id"]
    return body


class TestValidation:
    async def test_points_at_every_bad_field(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(
            "/things",
            json={"name": 5, "tags": ["fine", "too long", "as well"], "sizes": {"a/b~c": "x"}},
        )
        body = assert_problem(answer, 400, "Invalid request")
        assert [each["pointer"] for each in body["errors"]] == [
            "#/name",
            "#/tags/1",
            "#/tags/2",
            "#/sizes/a~1b~0c",
        ]
        assert body["errors"][1]["detail"] == "String should have at most 5 characters"
        assert body["detail"].startswith("#/name: Input should be a valid string; #/tags/1: ")

    async def test_of_query_and_path(self, client: httpx.AsyncClient) -> None:
        body = assert_problem(await client.get("/pages?limit=201"), 400, "Invalid request")
        assert body["errors"][0]["pointer"] == "#/limit"
        assert "200" in body["detail"]
        body = assert_problem(await client.get("/things/x"), 400, "Invalid request")
        assert body["errors"][0]["pointer"] == "#/thing_id"

    @pytest.mark.parametrize(
        "content",
        [b"{", b"", b"\xff", b'{"name": "\xff"}', b"[" * 100_000, b"1" * 5000, b"null", b'"x"'],
        ids=lambda content: repr(content[:9]),
    )
    async def test_bodies_that_are_no_things(
        self, client: httpx.AsyncClient, content: bytes
    ) -> None:
        headers = {"content-type": "application/json"}
        answer = await client.post("/things", content=content, headers=headers)
        assert_problem(answer, 400, "Invalid request")

    async def test_lone_surrogates_and_nul(self, client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json"}
        answer = await client.post(
            "/things", content=rb'{"name": "a\u0000b\ud800c"}', headers=headers
        )
        assert answer.status_code == 201
        assert answer.json()["name"] == "a\ufffdb\ufffdc"
        answer = await client.post(
            "/things", content=rb'{"name": "x", "\ud800": 1}', headers=headers
        )
        body = assert_problem(answer, 400, "Invalid request")
        assert len(body["errors"]) == 1

    async def test_the_document_says_400_and_not_422(self, client: httpx.AsyncClient) -> None:
        document = (await client.get("/openapi.json")).json()
        for path, operations in document["paths"].items():
            for operation in operations.values():
                assert "422" not in operation["responses"], path
        create = document["paths"]["/things"]["post"]["responses"]
        assert create["400"]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
        assert "HTTPValidationError" not in document["components"]["schemas"]
        assert document["components"]["schemas"]["Problem"]["required"] == [
            "title",
            "status",
            "detail",
            "instance",
        ]


class TestOtherProblems:
    async def test_unknown_path(self, client: httpx.AsyncClient) -> None:
        body = assert_problem(await client.get("/nowhere"), 404, "Not found")
        assert body["detail"] == "There is nothing at this path."

    async def test_unknown_method(self, client: httpx.AsyncClient) -> None:
        answer = await client.put("/things")
        assert_problem(answer, 405, "Method not allowed")
        assert answer.headers["allow"] == "POST"

    @pytest.mark.parametrize(
        "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]
    )
    async def test_other_media_types(self, client: httpx.AsyncClient, media_type: str) -> None:
        headers = {"content-type": media_type} if media_type else {}
        answer = await client.post("/things", content=b'{"name": "x"}', headers=headers)
        body = assert_problem(answer, 415, "Unsupported media type")
        assert body["detail"] == "The body must be application/json."

    @pytest.mark.parametrize(
        "media_type", ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"]
    )
    async def test_json_in_its_spellings(self, client: httpx.AsyncClient, media_type: str) -> None:
        headers = {"content-type": media_type}
        answer = await client.post("/things", content=b'{"name": "x"}', headers=headers)
        assert answer.status_code == 201

    async def test_conflict_with_members_and_any_text(self, client: httpx.AsyncClient) -> None:
        body = assert_problem(await client.get("/conflict?detail=Taken"), 409, "Conflict")
        assert (body["detail"], body["winner"]) == ("Taken\ufffd", 7)

    async def test_retry_after(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/busy")
        assert_problem(answer, 429, "Too many requests")
        assert answer.headers["retry-after"] == "3"

    async def test_an_outage(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/outage")
        assert_problem(answer, 503, "Unavailable for the moment")
        assert answer.headers["retry-after"] == "2"

    async def test_what_the_database_cannot_hold(self, client: httpx.AsyncClient) -> None:
        assert_problem(await client.post("/rows", json={"name": "1234567"}), 400, "Invalid request")

    async def test_a_bug_shows_nothing_of_itself(
        self, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = await client.get("/bug/canary-secret")
        body = assert_problem(answer, 500, "Internal error")
        assert body["detail"] == "Something went wrong on our side."
        assert "canary" not in answer.text.replace(body["instance"], "")
        assert caplog.messages == [], "nothing but our own log line"


class TestRequestId:
    async def test_is_taken(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/things/1", headers={"x-request-id": "abc.DEF_1-2"})
        assert answer.headers["x-request-id"] == "abc.DEF_1-2"

    @pytest.mark.parametrize("bad", ["", "a b", "x" * 129, "<script>", 'a"b'])
    async def test_is_made_when_it_is_not_well_formed(
        self, client: httpx.AsyncClient, bad: str
    ) -> None:
        answer = await client.get("/things/1", headers={"x-request-id": bad})
        assert UUID.fullmatch(answer.headers["x-request-id"])

    async def test_differs_by_request(self, client: httpx.AsyncClient) -> None:
        made = {(await client.get("/things/1")).headers["x-request-id"] for _ in range(5)}
        assert len(made) == 5


class TestIdentity:
    async def test_a_user_on_user_routes_only(self, client: httpx.AsyncClient, keys: Keys) -> None:
        user = keys.user_headers("probe", user_id=7)
        assert (await client.get("/me", headers=user)).json() == {"user_id": 7}
        answer = await client.get("/internal/caller", headers=user)
        assert_problem(answer, 401, "Not authenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="webox"'

    async def test_a_service_on_internal_routes_only(
        self, client: httpx.AsyncClient, keys: Keys
    ) -> None:
        service = keys.service_headers("probe", "exporter")
        answer = await client.get("/internal/caller", headers=service)
        assert answer.json()["service"] == "exporter"
        assert_problem(await client.get("/me", headers=service), 401, "Not authenticated")

    async def test_nobody(self, client: httpx.AsyncClient, keys: Keys) -> None:
        for path in ("/me", "/internal/caller", "/ops"):
            assert_problem(await client.get(path), 401, "Not authenticated")
        elsewhere = keys.user_headers("chat")
        assert_problem(await client.get("/me", headers=elsewhere), 401, "Not authenticated")


class TestOperations:
    async def test_health_and_readiness(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {
            "status": "ok",
            "checks": {"database": "ok", "redis": "ok"},
        }

    async def test_ready_but_degraded_without_redis(self, make_settings: Any) -> None:
        settings = make_settings(ProbeSettings, redis_url="unix:///nowhere/redis.sock")
        async with serve(create_app(settings)) as client:
            answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "degraded",
            "checks": {"database": "ok", "redis": "away"},
        }

    async def test_the_page_is_for_administrators(
        self, client: httpx.AsyncClient, keys: Keys
    ) -> None:
        await client.get("/things/1")
        answer = await client.get("/ops", headers=keys.user_headers("probe"))
        assert_problem(answer, 403, "Not allowed")
        answer = await client.get("/ops", headers=keys.user_headers("probe", role="admin"))
        assert answer.status_code == 200
        for words in ("Median latency", "Outbox, not yet published", "chat: not yet read"):
            assert words in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]

    async def test_the_page_without_redis(self, make_settings: Any, keys: Keys) -> None:
        settings = make_settings(ProbeSettings, redis_url="unix:///nowhere/redis.sock")
        async with serve(create_app(settings)) as client:
            answer = await client.get("/ops", headers=keys.user_headers("probe", role="admin"))
        assert answer.status_code == 200
        assert "Redis is away." in answer.text

    async def test_metrics_name_routes_and_known_methods(self, client: httpx.AsyncClient) -> None:
        await client.get("/things/31415")
        await client.request("CANARY", "/things/31415")
        text = (await client.get("/metrics")).text
        assert 'method="GET",route="/things/{thing_id}",status="200"' in text
        assert "31415" not in text
        assert "CANARY" not in text


class TestPages:
    async def test_walk(self, client: httpx.AsyncClient) -> None:
        seen: list[int] = []
        query: dict[str, str] = {"tag": "été"}
        while True:
            page = (await client.get("/pages", params=query)).json()
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert seen == list(range(120))

    async def test_cursor_and_skip(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/pages?skip=1&cursor=x")
        body = assert_problem(answer, 400, "Invalid request")
        assert body["detail"] == "Give `cursor` or `skip`, not both."
        assert (await client.get("/pages?skip=110&limit=3")).json()["items"] == [110, 111, 112]
