"""The limits that a whole answer and its beginning have, whatever else goes on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from webox_chat.providers import ChatTurn, Provider, ProviderError, ProviderRequest, Registry
from webox_chat.providers.base import TimeLimits
from webox_chat.providers.outgoing import guarded_session

REQUEST = ProviderRequest("ok", (ChatTurn("user", "?"),))
PING = b": keep-alive\n\n"
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


@asynccontextmanager
async def provider_that_repeats(event: bytes) -> AsyncIterator[str]:
    """A provider that sends the same event every 20 ms, for ever."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(event)
            await asyncio.sleep(0.02)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@pytest.fixture
def limited(registry: Registry) -> Callable[..., Provider]:
    """The provider `openai` at another address, with other limits."""

    def make(url: str, **limits: float) -> Provider:
        provider = registry.find("openai")
        assert provider is not None
        wanted = TimeLimits(**{"connect": 1, "first_token": 5, "idle": 5, "total": 5} | limits)
        return replace(provider, endpoint=replace(provider.endpoint, base_url=url, limits=wanted))

    return make


async def failure(provider: Provider, session: aiohttp.ClientSession) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        async for _ in provider.ask(session, REQUEST):
            pass
    return raised.value


@pytest.fixture
async def any_session() -> AsyncIterator[aiohttp.ClientSession]:
    async with guarded_session(lambda _host, _port: True) as opened:
        yield opened


async def test_keep_alives_are_no_beginning(
    limited: Callable[..., Provider], any_session: aiohttp.ClientSession
) -> None:
    async with provider_that_repeats(PING) as url:
        error = await failure(limited(url, first_token=0.2), any_session)
    assert (error.code, error.detail) == (
        "timeout",
        "The provider did not begin to answer within 0.2 s",
    )


async def test_an_answer_without_end_is_ended(
    limited: Callable[..., Provider], any_session: aiohttp.ClientSession
) -> None:
    async with provider_that_repeats(TOKEN) as url:
        error = await failure(limited(url, total=0.3), any_session)
    assert (error.code, error.detail) == ("timeout", "The provider did not finish within 0.3 s")


async def test_an_address_that_swallows_everything(
    limited: Callable[..., Provider], any_session: aiohttp.ClientSession, full_backlog: str
) -> None:
    error = await failure(limited(full_backlog, connect=0.2), any_session)
    assert (error.code, error.detail) == (
        "timeout",
        "The provider could not be reached within 0.2 s",
    )


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """A socket that listens and never accepts: further connections hang."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


async def test_nobody_there(
    limited: Callable[..., Provider], any_session: aiohttp.ClientSession
) -> None:
    error = await failure(limited("http://127.0.0.1:1/v1"), any_session)
    assert (error.code, error.detail) == ("unavailable", "The provider cannot be reached")
