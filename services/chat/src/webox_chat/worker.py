"""Composes the provider worker: Celery threads that hand each send to one asyncio loop."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import uvloop

from webox_chat.registry import load_registry
from webox_chat.replies.finals import FinalWriter
from webox_chat.replies.schemas import Lease
from webox_chat.replies.service import FanOut
from webox_chat.settings import ChatSettings
from webox_chat.tasks import register_tasks
from webox_kit.migrations import wait_until_migrated
from webox_kit.runtime import Runtime
from webox_kit.tasks import create_celery


@asynccontextmanager
async def fan_out(runtime: Runtime[ChatSettings]) -> AsyncIterator[FanOut]:
    """The fan-out with all it needs, on the running loop."""
    settings = runtime.settings
    registry = load_registry(settings)
    async with (
        runtime.closing(),
        registry.session() as http,
        FinalWriter(runtime.database, runtime.redis) as finals,
    ):
        await wait_until_migrated(runtime.database, runtime.package)
        yield FanOut(
            runtime.database,
            registry,
            http,
            finals,
            lease=Lease(settings.lease, settings.max_attempts),
            renew_seconds=settings.lease_renew_seconds,
        )


# Celery's threads hand each task to the loop's thread. A thread that computes gives way after so
# long; with Python's usual 5 ms the loop would wait that long for Celery to finish its books.
_SWITCH_SECONDS = 0.0002


def run(settings: ChatSettings) -> None:
    """Run the worker until it is told to stop; tasks under way are finished first."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    runtime = Runtime.create("chat", settings)
    with _BackgroundLoop(runtime) as background:
        app = create_celery("chat", settings.broker_url)
        register_tasks(app, lambda: background.loop, background.fan_out)
        app.worker_main(
            [
                "worker",
                "--pool=threads",
                f"--concurrency={settings.worker_threads}",
                f"--loglevel={settings.log_level}",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
        )


class _BackgroundLoop:
    """An asyncio loop in a thread of its own, with the fan-out open on it."""

    def __init__(self, runtime: Runtime[ChatSettings]) -> None:
        self._runtime = runtime
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="providers")
        self._failure: BaseException | None = None
        self._opened: FanOut | None = None
        self.loop: asyncio.AbstractEventLoop

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def fan_out(self, message_id: int) -> None:
        assert self._opened is not None  # noqa: S101 - set before tasks are taken
        await self._opened.run(message_id)

    def _run(self) -> None:
        try:
            uvloop.run(self._hold_open())
        except BaseException as error:  # noqa: BLE001 - raised again where the worker starts
            self._failure = error
        finally:
            self._ready.set()

    async def _hold_open(self) -> None:
        self.loop = asyncio.get_running_loop()
        async with fan_out(self._runtime) as self._opened:
            self._ready.set()
            await self._stop.wait()
