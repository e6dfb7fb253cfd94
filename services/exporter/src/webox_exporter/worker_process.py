"""One process that renders: what is loaded before the fork, and what is opened after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

from webox_exporter.chat import ChatReader
from webox_exporter.documents.formats import FORMATS
from webox_exporter.documents.model import Conversation
from webox_exporter.documents.words import Words
from webox_exporter.files import FileStore
from webox_exporter.jobs.service import Jobs, Limits
from webox_exporter.jobs.work import Worker
from webox_exporter.portal import Portal
from webox_exporter.search import SearchReader
from webox_exporter.settings import ExporterSettings
from webox_kit.migrations import wait_until_migrated
from webox_kit.runtime import Runtime
from webox_kit.tasks import TaskQueue, create_celery


def limits_of(settings: ExporterSettings) -> Limits:
    return Limits(
        lease=settings.lease,
        renew_seconds=settings.export_renew_seconds,
        kept=settings.kept,
        pause=timedelta(seconds=settings.export_pause_seconds),
        patience=timedelta(seconds=settings.export_patience_seconds),
        max_attempts=settings.export_max_attempts,
        running_per_user=settings.export_running_per_user,
    )


def warm_up() -> None:
    """Write an empty document in each usual format: loads fonts and libraries, for all children."""
    now = datetime.now(UTC)
    empty = Conversation(1, "", "", (), is_favorite=False, message_count=0,
                         created_at=now, updated_at=now)  # fmt: skip
    for kind in FORMATS.values():
        if kind.warm:
            kind.renderer()(empty, (), Words(), BytesIO())


@dataclass(frozen=True)
class _Parts:
    jobs: Jobs
    chat: ChatReader


@asynccontextmanager
async def _parts(settings: ExporterSettings) -> AsyncIterator[_Parts]:
    """What the worker reaches through the portal, open until the block ends."""
    runtime = Runtime.create("exporter", settings)
    client, search = runtime.client("chat"), runtime.client("search")
    tasks = TaskQueue(create_celery("exporter", settings.broker_url))
    async with runtime.closing():
        try:
            await wait_until_migrated(runtime.database, runtime.package)
            jobs = Jobs(runtime.database, runtime.redis, tasks, limits_of(settings))
            yield _Parts(jobs, ChatReader(client, SearchReader(search)))
        finally:
            await client.close()
            await search.close()
            await tasks.close()


class WorkerProcess:
    """A worker, and the portal that it works through."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self._portal: Portal[_Parts] | None = None
        self._worker: Worker | None = None

    @property
    def worker(self) -> Worker:
        assert self._worker is not None  # noqa: S101 - opened before the first task
        return self._worker

    def open(self) -> None:
        """Connect: after the fork, since connections do not survive one."""
        files = FileStore(self._settings.files_url)
        portal = Portal(lambda: _parts(self._settings))
        portal.__enter__()
        self._portal = portal
        self._worker = Worker(portal, portal.opened.jobs, portal.opened.chat, files)

    def close(self) -> None:
        if self._portal is not None:
            self._portal.__exit__()
            self._portal = None
