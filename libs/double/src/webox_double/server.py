"""Running the double: inside a test, or as a program."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from webox_double.app import ProviderDouble
from webox_double.calls import Call

SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Double:
    """A double that listens; a provider's base_url is `url` with `/v1` behind it."""

    url: str
    port: int
    _handlers: ProviderDouble

    @property
    def calls(self) -> list[Call]:
        return list(self._handlers.log.calls)

    async def until(self, condition: Callable[[list[Call]], bool], seconds: float = 5.0) -> None:
        """Waits until the calls are as wished.

        Raises:
            TimeoutError: they are not within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not condition(self.calls):
                await self._handlers.log.change()

    def clear(self) -> None:
        """Forgets the calls, and how often a question was failed."""
        self._handlers.clear()


@asynccontextmanager
async def running_double(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Double]:
    """Listens on `port`, or on a free one for 0, until the block ends."""
    handlers = ProviderDouble()
    runner = web.AppRunner(
        handlers.app(),
        access_log=None,
        # Without it a handler that waits never learns that its client has left.
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        taken = runner.addresses[0][1]
        yield Double(f"http://{host}:{taken}", taken, handlers)
    finally:
        await runner.cleanup()
