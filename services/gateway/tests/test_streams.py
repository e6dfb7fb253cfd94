"""Answers as they come, and services that fail in the middle of one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from webox_gateway.door import routes, watch
from webox_gateway.door.proxy import Proxy
from webox_gateway.testing import PASSWORD, Gateway, Person, StartGateway

STREAM = "/api/chat/messages/1/stream"


class Stage:
    """A service's stream that says what the test lets it say, and notices when it is left."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.left = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            while (line := await self.lines.get()) is not None:
                await response.write(line)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return response


@asynccontextmanager
async def stream(gateway: Gateway, person: Person) -> AsyncIterator[AsyncIterator[bytes]]:
    async with gateway.client.stream("GET", STREAM, headers=person.bearer) as response:
        assert response.status_code == 200
        yield response.aiter_raw()


async def broken_service(behaviour: bytes) -> tuple[asyncio.Server, str]:
    """A server that answers each request with these bytes, then closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(behaviour)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class TestStreams:
    async def test_each_event_comes_before_the_next_is_written(self, gateway: Gateway) -> None:
        person, stage = await gateway.user(), Stage()
        gateway.upstreams["chat"].answers[STREAM] = stage
        stage.lines.put_nowait(b"data: 0\n\n")
        async with stream(gateway, person) as chunks:
            for number in range(20):
                async with asyncio.timeout(2):
                    assert await anext(chunks) == f"data: {number}\n\n".encode()
                stage.lines.put_nowait(f"data: {number + 1}\n\n".encode())
            stage.lines.put_nowait(None)
            assert [chunk async for chunk in chunks] == [b"data: 20\n\n"]

    async def test_a_client_that_leaves_closes_the_services_stream(self, gateway: Gateway) -> None:
        person, stage = await gateway.user(), Stage()
        gateway.upstreams["chat"].answers[STREAM] = stage
        stage.lines.put_nowait(b"data: 0\n\n")
        async with stream(gateway, person) as chunks:
            await anext(chunks)
        async with asyncio.timeout(5):
            await stage.left.wait()

    async def test_a_client_that_leaves_before_the_answer_is_waited_for_no_more(
        self, gateway: Gateway
    ) -> None:
        person, asked, answer = await gateway.user(), asyncio.Event(), asyncio.Event()

        async def silent(_: web.Request) -> web.Response:
            asked.set()
            await answer.wait()
            return web.Response()

        def given_up() -> float:
            labels = {"service": "chat", "status": "499"}
            name = "webox_gateway_forwarded_seconds_count"
            return REGISTRY.get_sample_value(name, labels) or 0

        before = given_up()
        gateway.upstreams["chat"].answers["/api/chat/send"] = silent
        request = asyncio.create_task(
            gateway.client.post("/api/chat/send", json={}, headers=person.bearer)
        )
        await asked.wait()
        request.cancel()
        async with asyncio.timeout(5):
            while given_up() == before:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.02)
        answer.set()

    async def test_a_slow_reader_holds_the_service_back(self, gateway: Gateway) -> None:
        person = await gateway.user()
        written = 0

        async def flood(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(1000):
                await response.write(b"x" * 65536)
                written += 65536
            return response

        gateway.upstreams["exporter"].answers["/api/exports/1/download"] = flood
        url = "/api/exports/1/download"
        async with gateway.client.stream("GET", url, headers=person.bearer) as response:
            before = -1
            while written != before:  # until nothing moves any more
                before = written
                await asyncio.sleep(0.3)
            assert written < 40 * 1024 * 1024
            assert sum([len(chunk) async for chunk in response.aiter_raw()]) == 1000 * 65536

    async def test_a_client_that_stops_reading_is_dropped(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "_LOOK_EVERY", 0.1)
        monkeypatch.setattr(watch, "_UNREAD_SECONDS", 0.3)
        person, left = await gateway.user(), asyncio.Event()

        async def flood(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"x" * 65536)
            finally:
                left.set()

        gateway.upstreams["exporter"].answers["/api/exports/1/download"] = flood
        url = "/api/exports/1/download"
        async with gateway.client.stream("GET", url, headers=person.bearer):
            async with asyncio.timeout(10):
                await left.wait()

    async def test_a_revoked_token_ends_its_streams(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "_LOOK_EVERY", 0.2)
        person, stage = await gateway.user(), Stage()
        gateway.upstreams["chat"].answers[STREAM] = stage
        stage.lines.put_nowait(b"data: 0\n\n")
        async with stream(gateway, person) as chunks:
            await anext(chunks)
            await gateway.client.post("/api/auth/logout", headers=person.bearer)
            with pytest.raises(httpx.RemoteProtocolError):
                async with asyncio.timeout(5):
                    await anext(chunks)
        await stage.left.wait()

    async def test_a_stream_outlives_the_patience_for_its_beginning(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "_LOOK_EVERY", 0.05)
        monkeypatch.setattr(routes, "_PATTERNS", impatient_patterns(0.2))
        person, stage = await gateway.user(), Stage()
        gateway.upstreams["chat"].answers[STREAM] = stage
        stage.lines.put_nowait(b"data: 0\n\n")
        async with stream(gateway, person) as chunks:
            await anext(chunks)
            await asyncio.sleep(0.6)
            stage.lines.put_nowait(b"data: 1\n\n")
            assert await anext(chunks) == b"data: 1\n\n"
            stage.lines.put_nowait(None)

    async def test_large_answers_arrive_whole(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for size in (0, 1, 256 * 1024, 256 * 1024 + 1, 5 * 1024 * 1024):
            body = bytes(range(256)) * (size // 256 + 1)

            async def answer(_: web.Request, body: bytes = body[:size]) -> web.Response:
                return web.Response(body=body)

            gateway.upstreams["chat"].answers["/api/chat/big"] = answer
            got = await gateway.client.get("/api/chat/big", headers=person.bearer)
            assert got.content == body[:size]


def impatient_patterns(patience: float) -> tuple[object, ...]:
    return tuple(
        (pattern, routes.Route(route.service, route.scope, patience))
        for pattern, route in routes._PATTERNS  # noqa: SLF001 - to make waiting short
    )


class TestFailingServices:
    async def test_one_that_is_away_is_503(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(chat_url="http://127.0.0.1:9")
        person = await gateway.user()
        for method in ("GET", "POST"):
            answer = await gateway.client.request(
                method, "/api/chat/folders", headers=person.bearer
            )
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "chat" in answer.json()["detail"]
        others = await gateway.client.get("/api/dashboard/stats", headers=person.bearer)
        assert others.status_code == 200

    @pytest.mark.parametrize(
        ("behaviour", "status"),
        [
            (b"", 503),
            (b"nonsense\r\n\r\n", 502),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 503),
        ],
    )
    async def test_one_that_breaks_before_answering(
        self, start_gateway: StartGateway, behaviour: bytes, status: int
    ) -> None:
        server, url = await broken_service(behaviour)
        async with server:
            gateway = await start_gateway(chat_url=url)
            person = await gateway.user()
            answer = await gateway.client.get("/api/chat/folders", headers=person.bearer)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"

    async def test_a_half_answer_never_looks_whole(self, start_gateway: StartGateway) -> None:
        for behaviour in (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nhalf",
        ):
            server, url = await broken_service(behaviour)
            async with server:
                gateway = await start_gateway(chat_url=url)
                person = await gateway.user(f"ada{len(behaviour)}@example.org")
                with pytest.raises(httpx.RemoteProtocolError):
                    await gateway.client.get("/api/chat/folders", headers=person.bearer)

    async def test_one_that_keeps_silent_is_504(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "_LOOK_EVERY", 0.05)
        monkeypatch.setattr(routes, "_PATTERNS", impatient_patterns(0.2))
        person = await gateway.user()

        async def silent(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            return web.Response()

        gateway.upstreams["dashboard"].answers["/api/dashboard/stats"] = silent
        answer = await gateway.client.get("/api/dashboard/stats", headers=person.bearer)
        assert answer.status_code == 504
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_problems_of_services_pass_as_they_are(self, gateway: Gateway) -> None:
        async def refuse(_: web.Request) -> web.Response:
            return web.Response(
                status=429,
                text='{"status": 429}',
                content_type="application/problem+json",
                headers={"Retry-After": "7"},
            )

        person = await gateway.user()
        gateway.upstreams["chat"].answers["/api/chat/send"] = refuse
        answer = await gateway.client.post("/api/chat/send", json={}, headers=person.bearer)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "7"
        assert answer.headers["content-type"].startswith("application/problem+json")

    async def test_a_database_that_is_away_is_503(
        self, gateway: Gateway, drop_database: Callable[[str], None]
    ) -> None:
        person = await gateway.user()
        drop_database(gateway.settings.database_url)
        for path in ("/api/chat/folders", "/api/auth/me"):
            answer = await gateway.client.get(path, headers=person.bearer)
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
        login = {"email": person.email, "password": PASSWORD}
        assert (await gateway.client.post("/api/auth/login", json=login)).status_code == 503
        assert (await gateway.client.get("/readyz")).status_code == 503
        assert (await gateway.client.get("/healthz")).status_code == 200

    async def test_our_own_mistakes_are_problems_too(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def mistaken(*_: object) -> int:
            raise ZeroDivisionError("canary")

        monkeypatch.setattr(Proxy, "forward", mistaken)
        person = await gateway.user()
        answer = await gateway.client.get("/api/chat/folders", headers=person.bearer)
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "canary" not in answer.text
