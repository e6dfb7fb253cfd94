"""The pages, the OpenAPI document, health and operations."""

import re

from aiohttp import web
from pydantic import BaseModel

from webox_gateway.merged_openapi import merge
from webox_gateway.testing import Gateway, StartGateway


def openapi_of(service: str, path: str, schema: dict[str, object]) -> dict[str, object]:
    operation = {
        "responses": {
            "200": {
                "description": "Fine",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}
                },
            }
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": service, "version": "1"},
        "paths": {
            path: {"get": operation},
            f"/internal/{service}": {"get": operation},
            "/ops": {"get": operation},
        },
        "components": {
            "schemas": {
                "Answer": {
                    "type": "object",
                    "properties": {"part": {"$ref": "#/components/schemas/Part"}},
                },
                "Part": schema,
                "Unused": {"type": "string"},
            }
        },
    }


def serve_document(document: dict[str, object]) -> object:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(document)

    return answer


class TestOpenApi:
    def test_merging_keeps_public_paths_and_both_of_two_schemas(self) -> None:
        own = openapi_of("gateway", "/api/auth/me", {"type": "integer"})
        chat = openapi_of("chat", "/api/chat/folders", {"type": "string"})
        merged = merge(own, {"chat": chat})
        assert list(merged["paths"]) == ["/api/auth/me", "/api/chat/folders"]
        schemas = merged["components"]["schemas"]
        assert schemas["Part"] == {"type": "integer"}
        assert schemas["ChatPart"] == {"type": "string"}
        assert "Unused" not in schemas
        answer = merged["paths"]["/api/chat/folders"]["get"]["responses"]["200"]
        name = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert schemas[name]["properties"]["part"]["$ref"].endswith("/ChatPart")

    async def test_it_has_our_paths_and_the_services(self, gateway: Gateway) -> None:
        for service, path in (("chat", "/api/chat/folders"), ("search", "/api/chat/search")):
            document = openapi_of(service, path, {"type": "string"})
            gateway.upstreams[service].answers["/openapi.json"] = serve_document(document)  # type: ignore[assignment]
        document = (await gateway.client.get("/openapi.json")).json()
        assert {
            "/api/auth/register",
            "/api/auth/login",
            "/api/auth/logout",
            "/api/auth/me",
            "/api/auth/tokens",
            "/api/auth/tokens/{token_id}",
            "/api/events",
            "/api/chat/folders",
            "/api/chat/search",
        } == set(document["paths"])
        references = set(re.findall(r"#/components/schemas/(\w+)", str(document["paths"])))
        assert references <= set(document["components"]["schemas"])
        login = document["paths"]["/api/auth/login"]["post"]
        assert login["security"] == []
        assert "422" not in login["responses"]
        folders = document["paths"]["/api/chat/folders"]["get"]
        assert folders["security"][0] == {"bearer": ["chat"]}
        assert set(document["components"]["securitySchemes"]) == {"bearer", "cookie"}
        events = document["paths"]["/api/events"]["post"]
        assert list(events["requestBody"]["content"]) == ["application/cloudevents+json"]

    async def test_a_service_that_is_away_is_left_out(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(chat_url="http://127.0.0.1:9")
        answer = await gateway.client.get("/openapi.json")
        assert answer.status_code == 200
        assert "/api/auth/login" in answer.json()["paths"]


class TestPages:
    async def test_the_documentation_needs_nothing_from_elsewhere(self, gateway: Gateway) -> None:
        page = await gateway.client.get("/docs")
        assert page.status_code == 200
        assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert assets
        for asset in assets:
            assert asset.startswith("/docs/")
            got = await gateway.client.get(asset)
            assert got.status_code == 200
            assert got.headers["content-type"].startswith(("text/css", "text/javascript"))
        assert "script-src 'self'" in page.headers["content-security-policy"]

    async def test_the_login_page_speaks_the_visitors_language(self, gateway: Gateway) -> None:
        for language, word, html in (
            (None, "Mot de passe", 'lang="fr"'),
            ("en-GB,fr;q=0.8", "Password", 'lang="en"'),
            ("de, fr;q=0.5, en;q=0.4", "Mot de passe", 'lang="fr"'),
            ("de", "Mot de passe", 'lang="fr"'),
            ("en;q=x", "Mot de passe", 'lang="fr"'),
        ):
            headers = {"Accept-Language": language} if language else {"Accept-Language": ""}
            page = await gateway.client.get("/login", headers=headers)
            assert word in page.text, language
            assert html in page.text
            policy = page.headers["content-security-policy"]
            assert "unsafe-inline" not in policy
            assert "<script>" not in page.text
            assert "style=" not in page.text

    async def test_a_browser_is_led_to_sign_in(self, gateway: Gateway) -> None:
        answer = await gateway.client.get("/ops/chat", headers={"Accept": "text/html,*/*"})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=/ops/chat"


class Readiness(BaseModel):
    status: str
    checks: dict[str, str]


class TestHealth:
    async def test_everything_up(self, gateway: Gateway) -> None:
        assert (await gateway.client.get("/healthz")).json() == {"status": "ok"}
        answer = await gateway.client.get("/readyz")
        assert answer.status_code == 200
        state = Readiness.model_validate(answer.json())
        assert state.status == "ok"
        assert state.checks == dict.fromkeys(
            ("database", "redis", "chat", "search", "exporter", "dashboard"), "ok"
        )

    async def test_without_search_it_serves_less(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(search_url="http://127.0.0.1:9")
        answer = await gateway.client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["status"] == "degraded"
        assert answer.json()["checks"]["search"] == "away"

    async def test_without_chat_it_does_not_serve(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(chat_url="http://127.0.0.1:9")
        answer = await gateway.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unavailable"
        assert (await gateway.client.get("/healthz")).status_code == 200


class TestOperations:
    async def test_the_page_links_the_services(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(search_url="http://127.0.0.1:9")
        admin = await gateway.user(role="admin")
        await gateway.client.get("/api/dashboard/stats", headers=admin.bearer)
        page = (await gateway.client.get("/ops", headers=admin.bearer)).text
        for service in ("chat", "search", "exporter", "dashboard"):
            assert f'<a href="/ops/{service}">{service}</a>' in page
        assert "search is away" in page
        metrics = (await gateway.client.get("/metrics", headers=admin.bearer)).text
        assert 'webox_gateway_forwarded_seconds_count{service="dashboard",status="200"}' in metrics
