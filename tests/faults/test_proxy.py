"""The harness's proxy fails the way it is told to."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from webox_stack.proxy import Proxy

SAID = b"x" * 1000


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of a server that sends back what it is sent."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[:2]) as proxy:
        yield proxy


async def echoed(proxy: Proxy, size: int = len(SAID)) -> bytes:
    """The `size` bytes that come back, within a second."""
    assert isinstance(proxy.at, tuple)
    async with asyncio.timeout(1):
        reader, writer = await asyncio.open_connection(*proxy.at)
        try:
            writer.write(SAID)
            return await reader.readexactly(size)
        finally:
            writer.transport.abort()


async def test_passes(proxy: Proxy) -> None:
    assert await echoed(proxy) == SAID


async def test_refuses_and_passes_again_at_the_same_address(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await echoed(proxy)
    await proxy.pass_on()
    assert await echoed(proxy) == SAID


async def test_resets(proxy: Proxy) -> None:
    await proxy.reset()
    with pytest.raises(ConnectionResetError):
        await echoed(proxy)


async def test_answers_nothing(proxy: Proxy) -> None:
    proxy.blackhole()
    with pytest.raises(TimeoutError):
        await echoed(proxy)


async def test_a_verb_replaces_the_one_before_it(proxy: Proxy) -> None:
    await proxy.reset()
    proxy.blackhole()
    with pytest.raises(TimeoutError):
        await echoed(proxy)


async def test_cuts(proxy: Proxy) -> None:
    proxy.cut_after(10)
    # A reset may overtake what was sent before it.
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await echoed(proxy)


async def test_slices(proxy: Proxy) -> None:
    assert isinstance(proxy.at, tuple)
    proxy.slice(7)
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(*proxy.at)
        writer.write(SAID)
        pieces = [await reader.read(len(SAID))]
        while sum(map(len, pieces)) < len(SAID):
            pieces.append(await reader.read(len(SAID)))
        writer.transport.abort()
    assert b"".join(pieces) == SAID
    assert len(pieces) > 20, "it came in a few large pieces"


@pytest.mark.parametrize("slowly", [lambda p: p.delay(0.1), lambda p: p.rate(10_000)])
async def test_is_slow_both_ways(proxy: Proxy, slowly: object) -> None:
    assert callable(slowly)
    slowly(proxy)
    began = time.monotonic()
    assert await echoed(proxy) == SAID
    assert time.monotonic() - began >= 0.2
