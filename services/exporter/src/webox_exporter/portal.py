"""An asyncio loop in a thread of its own, for the worker's calls to what is async.

Rendering is sync and takes the CPU; database, chat and Redis are reached by the same async code
as everywhere else, on this loop. It is opened after the fork: connections do not survive one.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Self, TypeVar

Opened_co = TypeVar("Opened_co", covariant=True)
Result = TypeVar("Result")


class Portal(Generic[Opened_co]):
    """Keeps `resources` open on its loop; `opened` is what they yield."""

    def __init__(self, resources: Callable[[], AbstractAsyncContextManager[Opened_co]]) -> None:
        self._resources = resources
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: Future[Opened_co] = Future()
        self._thread = threading.Thread(target=self._run, name="portal", daemon=True)

    @property
    def opened(self) -> Opened_co:
        return self._ready.result()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def submit(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Start the work on the loop; its result is the future's."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do the work on the loop, and wait for its result."""
        return self.submit(work).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._hold_open())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            self._loop.close()

    async def _hold_open(self) -> None:
        async with self._resources() as opened:
            self._ready.set_result(opened)
            await self._stop.wait()
