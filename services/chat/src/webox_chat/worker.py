"""Composes the provider worker: Celery takes the tasks, one asyncio loop asks the providers."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import uvloop
from celery.worker import state as celery_state

from webox_chat.live.frames import ALL, WORKERS, decoded_call
from webox_chat.live.publisher import TextPublisher
from webox_chat.providers import Providers
from webox_chat.registry import load_registry
from webox_chat.replies.finals import FinalWriter
from webox_chat.replies.schemas import Lease
from webox_chat.replies.service import FanOut
from webox_chat.settings import ChatSettings
from webox_chat.tasks import register_tasks
from webox_kit.cancellation import cancel_and_wait
from webox_kit.logs import get_logger
from webox_kit.migrations import wait_until_migrated
from webox_kit.outages import is_outage
from webox_kit.runtime import Runtime
from webox_kit.signals import Signals
from webox_kit.tasks import create_celery

log = get_logger(__name__)

# Celery's thread hands each task to the loop's thread. A thread that computes gives way after so
# long; with Python's usual 5 ms the loop would wait that long for Celery to finish its books.
_SWITCH_SECONDS = 0.0002
_LOOK_SECONDS = 0.5


@asynccontextmanager
async def fan_out(runtime: Runtime[ChatSettings]) -> AsyncIterator[FanOut]:
    """The fan-out with all it needs, on the running loop."""
    settings = runtime.settings
    registry = load_registry(settings)
    async with (
        runtime.closing(),
        registry.session() as http,
        Providers(registry, http, runtime.redis) as providers,
        TextPublisher(runtime.redis) as texts,
        FinalWriter(runtime.database, runtime.redis) as finals,
        Signals(runtime.blocking_redis) as signals,
    ):
        await wait_until_migrated(runtime.database, runtime.package)
        opened = FanOut(
            runtime.database,
            providers,
            registry.cost,
            texts,
            finals,
            lease=Lease(settings.lease, settings.max_attempts),
            renew_seconds=settings.lease_renew_seconds,
        )

        def called(payload: bytes | None) -> None:
            if payload is None:
                return
            call = decoded_call(payload)
            opened.cancel(call.cancel)
            if call.show is not None:
                opened.show(call.show)

        renewing = asyncio.create_task(opened.keep_leases())
        try:
            async with signals.listening(WORKERS, ALL, called):
                yield opened
        finally:
            await cancel_and_wait(renewing)


def run(settings: ChatSettings) -> None:
    """Run the worker until it is told to stop.

    Replies under way are then waited for, and handed back to other workers if they take too long.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    runtime = Runtime.create("chat", settings)
    with Sends(runtime) as sends:
        app = create_celery("chat", settings.broker_url, acknowledged=False)
        register_tasks(app, sends.begin)
        app.worker_main(
            [
                "worker",
                "--pool=solo",
                f"--loglevel={settings.log_level}",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
        )


class Sends:
    """The sends this worker sees to, on an asyncio loop in a thread of its own.

    A task is over once its send has begun: what became of it is in SQL, and no Celery thread waits
    for a slow provider (`docs/adr/0012-a-task-begins-a-send.md`).
    """

    def __init__(self, runtime: Runtime[ChatSettings]) -> None:
        self._runtime = runtime
        self._room = threading.Semaphore(runtime.settings.worker_sends)
        self._under_way: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="providers")
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._fan_out: FanOut

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def begin(self, message_id: int, user_id: int, watched: bool) -> None:
        """Have a message's providers asked; waits while this worker has as much as it takes.

        Not if it is told to stop meanwhile: then the reconciler has another worker do it.
        """
        while not self._room.acquire(timeout=_LOOK_SECONDS):
            if celery_state.should_stop is not None:
                return
        self._loop.call_soon_threadsafe(self._start, message_id, user_id, watched)

    def _start(self, message_id: int, user_id: int, watched: bool) -> None:
        task = self._loop.create_task(self._fan_out.run(message_id, user_id, watched=watched))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._room.release()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and is_outage(error):
            log.warning("a send waits for the reconciler", error=type(error).__name__)
        elif error is not None:
            log.error("a send could not be begun or ended", exc_info=error)

    def _run(self) -> None:
        try:
            uvloop.run(self._hold_open())
        except BaseException as error:  # noqa: BLE001 - raised again where the worker starts
            self._failure = error
        finally:
            self._ready.set()

    async def _hold_open(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with fan_out(self._runtime) as self._fan_out:
            self._ready.set()
            await self._stop.wait()
            await self._drain()

    async def _drain(self) -> None:
        settings = self._runtime.settings
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=settings.drain_seconds)
        if self._under_way:
            await self._fan_out.hand_back(settings.enqueue_again)
            await asyncio.wait(self._under_way, timeout=settings.drain_seconds)
