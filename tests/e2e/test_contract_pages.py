"""The one OpenAPI document, the pages, and what operators look at."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from webox_stack import Stack, User, eventually, opened

SERVICES = ("gateway", "chat", "search", "exporter", "dashboard")
METHODS = {"get", "put", "post", "delete", "patch"}
# Every path of the contract that is built.
PATHS = {
    "/api/auth/login": {"post"},
    "/api/auth/logout": {"post"},
    "/api/auth/me": {"get"},
    "/api/auth/register": {"post"},
    "/api/auth/tokens": {"get", "post"},
    "/api/auth/tokens/{}": {"delete"},
    "/api/chat/conversations": {"get"},
    "/api/chat/conversations/{}": {"get", "patch", "delete"},
    "/api/chat/conversations/{}/export": {"get"},
    "/api/chat/conversations/{}/favorite": {"post"},
    "/api/chat/conversations/{}/tags": {"post"},
    "/api/chat/conversations/{}/tags/{}": {"delete"},
    "/api/chat/messages/{}": {"get", "patch"},
    "/api/chat/messages/{}/stream": {"get"},
    "/api/chat/messages/{}/cancel": {"post"},
    "/api/chat/messages/{}/replies/{}": {"get"},
    "/api/chat/messages/{}/replies/{}/cancel": {"post"},
    "/api/chat/messages/{}/replies/{}/retry": {"post"},
    "/api/chat/providers": {"get"},
    "/api/chat/search": {"get"},
    "/api/chat/send": {"post"},
    "/api/dashboard/notifications": {"get"},
    "/api/dashboard/notifications/read-all": {"post"},
    "/api/dashboard/notifications/{}/read": {"post"},
    "/api/dashboard/recent-activity": {"get"},
    "/api/dashboard/recent-projects": {"get"},
    "/api/dashboard/stats": {"get"},
    "/api/events": {"post"},
    "/api/exports": {"get", "post"},
    "/api/exports/{}": {"get", "delete"},
    "/api/exports/{}/download": {"get"},
}


@pytest.fixture(scope="module")
async def visitor(webox: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(webox.url) as client:
        yield client


@pytest.fixture(scope="module")
async def document(visitor: httpx.AsyncClient) -> dict[str, Any]:
    response = await visitor.get("/openapi.json")
    assert response.status_code == 200
    merged: dict[str, Any] = response.json()
    return merged


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


class TestOpenApi:
    def test_has_every_path_of_the_contract_and_nothing_internal(
        self, document: dict[str, Any]
    ) -> None:
        paths: dict[str, set[str]] = {}
        for path, method, _ in operations(document):
            paths.setdefault(re.sub(r"\{[^}]*\}", "{}", path), set()).add(method)
        assert paths == PATHS

    def test_is_openapi_3_1(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1.")
        assert document["info"].keys() >= {"title", "version"}
        seen = set()
        for path, method, operation in operations(document):
            where = f"{method} {path}"
            assert operation["operationId"] not in seen, where
            seen.add(operation["operationId"])
            assert operation["responses"], where
            assert all(re.fullmatch("[1-5][0-9]{2}", code) for code in operation["responses"])
            in_path = {
                each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"
            }
            assert in_path == set(re.findall(r"\{([^}]*)\}", path)), where

    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        references = set(re.findall(r"'\$ref': '([^']*)'", repr(document)))
        assert references
        for reference in references:
            part: Any = document
            for name in reference.removeprefix("#/").split("/"):
                part = part[name]
            assert part

    def test_every_schema_is_a_json_schema(self, document: dict[str, Any]) -> None:
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    def test_says_how_to_authenticate_and_what_goes_wrong(self, document: dict[str, Any]) -> None:
        schemes = set(document["components"]["securitySchemes"])
        for path, method, operation in operations(document):
            public = path in {"/api/auth/login", "/api/auth/register"}
            assert bool(operation["security"]) is not public, f"{method} {path}"
            assert {name for each in operation["security"] for name in each} <= schemes
            assert "422" not in operation["responses"]
            assert "400" in operation["responses"], f"{method} {path}"


class TestPages:
    async def test_the_documentation_loads_nothing_from_elsewhere(
        self, visitor: httpx.AsyncClient
    ) -> None:
        page = await visitor.get("/docs")
        assert page.status_code == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        links = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
        assert links
        for link in links:
            assert link.startswith(("/", "data:")), link
            if link.startswith("/"):
                assert (await visitor.get(link)).status_code == 200, link

    async def test_signing_in(self, visitor: httpx.AsyncClient) -> None:
        page = await visitor.get("/login")
        assert page.status_code == 200
        assert 'type="password"' in page.text


class TestOperations:
    async def test_pages_are_for_admins(self, admin: User, user: User) -> None:
        for path in ("/ops", *(f"/ops/{service}" for service in SERVICES)):
            page = await admin.http.get(path)
            assert page.status_code == 200, path
            assert page.headers["Content-Type"] == "text/html; charset=utf-8"
            await user.get(path, expect=403)

    async def test_metrics_are_for_admins(self, admin: User, user: User) -> None:
        response = await admin.http.get("/metrics")
        assert response.status_code == 200
        assert "# HELP" in response.text
        await user.get("/metrics", expect=403)

    async def test_health(self, visitor: httpx.AsyncClient) -> None:
        assert (await visitor.get("/healthz")).json() == {"status": "ok"}
        ready = await visitor.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["checks"] == dict.fromkeys(
            ("database", "redis", "chat", "search", "exporter", "dashboard"), "ok"
        )


async def test_errors_are_problems_with_the_requests_id(user: User) -> None:
    response = await user.http.get(
        "/api/chat/conversations/999999999", headers={"X-Request-ID": "a-request-of-mine"}
    )
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == "a-request-of-mine"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "There is no conversation 999999999.",
        "instance": "/api/chat/conversations/999999999",
        "request_id": "a-request-of-mine",
    }


async def test_a_request_can_be_followed_into_the_services(webox: Stack, user: User) -> None:
    name = f"followed-{user.id}"
    await user.get("/api/chat/conversations", headers={"X-Request-ID": name})
    log = webox.home.logs / "chat-api.log"

    async def logged() -> None:
        assert name in log.read_text(encoding="utf-8")

    await eventually(logged, seconds=5)
