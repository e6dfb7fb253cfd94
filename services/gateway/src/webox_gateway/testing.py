"""For tests: the real gateway on a real port, before services that echo what they were asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from aiohttp import web
from sqlalchemy import update

from webox_gateway.main import create_app
from webox_gateway.models import account
from webox_gateway.server import server_config
from webox_gateway.settings import GatewaySettings
from webox_kit.database import Database
from webox_kit.testing import PLAIN_HTTP

PASSWORD = "canary-password-1"  # noqa: S105 - nobody's
SERVICES = ("chat", "search", "exporter", "dashboard")


@dataclass
class Upstream:
    """One service's stand-in. `answers` are handlers by path; any other path is echoed."""

    name: str
    url: str = ""
    answers: dict[str, Callable[[web.Request], Any]] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        handler = self.answers.get(request.path)
        if handler is not None:
            response: web.StreamResponse = await handler(request)
            return response
        body = await request.text()
        self.seen.append(
            {
                "service": self.name,
                "method": request.method,
                "path": request.raw_path,
                "headers": [(name.lower(), value) for name, value in request.headers.items()],
                "body": body,
            }
        )
        return web.json_response(self.seen[-1])


@asynccontextmanager
async def running(upstream: Upstream) -> AsyncIterator[Upstream]:
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield upstream
    finally:
        await runner.cleanup()


@dataclass
class Gateway:
    """The served gateway, and what stands behind it."""

    client: httpx.AsyncClient
    port: int
    upstreams: dict[str, Upstream]
    settings: GatewaySettings
    database: Database

    async def user(self, email: str = "ada@example.org", role: str = "user") -> "Person":
        """Register, make it an admin if wished, and sign in."""
        made = await self.client.post(
            "/api/auth/register", json={"email": email, "password": PASSWORD, "name": "Ada"}
        )
        made.raise_for_status()
        if role == "admin":
            async with self.database.engine.begin() as connection:
                await connection.execute(
                    update(account).where(account.c.id == made.json()["id"]).values(role="admin")
                )
        return await self.sign_in(email)

    async def sign_in(self, email: str) -> "Person":
        answer = await self.client.post(
            "/api/auth/login", json={"email": email, "password": PASSWORD}
        )
        answer.raise_for_status()
        self.client.cookies.clear()
        signed_in = answer.json()
        return Person(signed_in["user"]["id"], email, signed_in["access_token"])

    async def raw(self, request: bytes, *, wait: float = 5.0) -> bytes:
        """Send bytes as they are; everything that is answered until the gateway closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            async with asyncio.timeout(wait):
                return await reader.read()
        finally:
            writer.close()


@dataclass(frozen=True)
class Person:
    id: int
    email: str
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@asynccontextmanager
async def served(
    settings: GatewaySettings, upstreams: dict[str, Upstream]
) -> AsyncIterator[Gateway]:
    """Serve the gateway on a free port of this machine, in this process."""
    config = server_config(create_app(settings), lifespan="on", timeout_graceful_shutdown=1)
    database = Database(settings.database_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        async with _listening(config, listener):
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=30, verify=PLAIN_HTTP) as client:
                yield Gateway(client, port, upstreams, settings, database)
            await database.close()


@asynccontextmanager
async def _listening(config: uvicorn.Config, listener: socket.socket) -> AsyncIterator[None]:
    """What uvicorn's `serve` does, without its signal handlers and its clock."""
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    if server.should_exit:
        raise RuntimeError("the gateway did not start: see its log")
    try:
        yield
    finally:
        await server.shutdown(sockets=[listener])


StartGateway = Callable[..., Awaitable[Gateway]]
"""`await start_gateway(**settings)`: a Gateway, ended with the test."""
