"""A pytest plugin for tests of services: keys, settings on real databases, a served app."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
import httpx
import pytest
import structlog
import uvicorn
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from fastapi import FastAPI

from webox_contracts.identity import ASSERTION_HEADER, Identity, Scope
from webox_kit.identity import AssertionSigner, ServiceSigner
from webox_kit.settings import ServiceSettings

S = TypeVar("S", bound=ServiceSettings)

# Nothing here speaks TLS, and to load the system's certificates for each client takes 50 ms.
PLAIN_HTTP = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
SERVICE_SECRET = b"canary-service-secret-0123456789abcdef"


@dataclass(frozen=True)
class Keys:
    """The key files of one installation."""

    private_key_file: Path
    public_key_file: Path
    service_secret_file: Path

    def user_headers(self, audience: str, user_id: int = 1, role: str = "user") -> dict[str, str]:
        """What the gateway would send `audience` for a request of this user."""
        identity = Identity.model_validate(
            {"user_id": user_id, "role": role, "scopes": frozenset(Scope)}
        )
        assertion = AssertionSigner(self.private_key_file).sign(identity, audience)
        return {ASSERTION_HEADER: assertion}

    def service_headers(self, audience: str, caller: str) -> dict[str, str]:
        """What the service `caller` would send on an internal call to `audience`."""
        return ServiceSigner(caller, SERVICE_SECRET).headers(audience)


def pytest_configure() -> None:
    """Log as plain text: rich tracebacks, structlog's default, take seconds each."""
    renderer = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            renderer,
        ]
    )


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    private = Ed25519PrivateKey.generate()
    keys = Keys(folder / "private.pem", folder / "public.pem", folder / "secret")
    keys.private_key_file.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    keys.public_key_file.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    keys.service_secret_file.write_bytes(SERVICE_SECRET)
    return keys


@pytest.fixture
def make_settings(
    keys: Keys, database_url: str, redis_url: str, broker_url: str
) -> Callable[..., ServiceSettings]:
    """`make_settings(ChatSettings, **more)`: on an empty database and an empty Redis."""

    def make(settings: type[S], **more: object) -> S:
        usual = {
            "database_url": database_url,
            "redis_url": redis_url,
            "broker_url": broker_url,
            "identity_public_key_file": keys.public_key_file,
            "service_secret_file": keys.service_secret_file,
            "testing": True,
        }
        return settings.load(**{**usual, **more})

    return make


RunCli = Callable[..., Awaitable[Result]]
RunCommand = Callable[..., Awaitable[Result]]


@pytest.fixture
def logs_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs in this process leaves logging alone.

    Else it would log to where its output goes, after that is closed, and so would all that comes
    after it.
    """
    monkeypatch.setattr("webox_kit.logs.configure_logging", lambda *_: None)


@pytest.fixture
def run_cli(logs_as_they_are: None) -> RunCli:  # noqa: ARG001 - for what it does
    """Run a service's command in this process, given `main`, its settings and arguments.

    It runs in a thread with an event loop of its own; starting a process would take seconds.
    """

    async def run(
        main: click.Command, settings: ServiceSettings, *arguments: str, **variables: str
    ) -> Result:
        given = {
            f"WEBOX_{name.upper()}": value if isinstance(value, str) else str(value)
            for name, value in settings
            if isinstance(value, str | Path | int | float) and not isinstance(value, bool)
        }
        return await asyncio.to_thread(
            CliRunner().invoke, main, arguments, env={**given, **variables}
        )

    return run


ClockOff = Callable[[float], AbstractContextManager[None]]


@pytest.fixture
def clock_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClockOff:
    """Sets this process's clock so many seconds ahead, within the block."""
    monkeypatch.setenv("WEBOX_TESTING", "1")
    monkeypatch.setenv("WEBOX_CLOCK_OFFSETS", str(tmp_path))
    own = tmp_path / str(os.getpgrp())

    @contextmanager
    def off(seconds: float) -> Iterator[None]:
        own.write_text(str(seconds))
        try:
            yield
        finally:
            own.unlink()

    return off


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = 5) -> None:
    """Wait until `condition` answers something true, asking again all the time.

    Raises:
        AssertionError: it did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"  # noqa: S101 - as in a test
        await asyncio.sleep(0.01)


@asynccontextmanager
async def serve(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `app` on a free port of this machine, in this process; yields a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # asyncio sets it only on sockets that it made itself; without it an answer takes 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        async with app.router.lifespan_context(app):
            serving = asyncio.create_task(server._serve(sockets=[listener]))  # noqa: SLF001 - `serve` would take over the test run's signal handlers
            port = listener.getsockname()[1]
            try:
                url = f"http://127.0.0.1:{port}"
                async with httpx.AsyncClient(base_url=url, timeout=30, verify=PLAIN_HTTP) as client:
                    yield client
            finally:
                server.should_exit = True
                await serving
