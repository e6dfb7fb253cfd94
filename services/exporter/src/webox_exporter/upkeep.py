"""What nobody asks for but has to happen: jobs found again, files expired, the deleted gone."""

import asyncio
from datetime import timedelta

from redis.asyncio import Redis

from webox_contracts.events import ConversationDeleted, ExportFinished, UserDeleted
from webox_exporter.errors import ConversationDeletedError, WornOutError
from webox_exporter.files import FileStore
from webox_exporter.jobs.repository import LeaseRepository
from webox_exporter.repository import ExportRepository
from webox_exporter.schemas import Export
from webox_exporter.service import SIGNAL, removed_event
from webox_exporter.tasks import RENDER
from webox_kit.database import Database, Session
from webox_kit.logs import get_logger
from webox_kit.outbox import publish
from webox_kit.signals import send_signal
from webox_kit.tasks import TaskQueue

log = get_logger(__name__)

_HINTS_AT_ONCE = 20
_REMOVALS_AT_ONCE = 100


def finished_event(export: Export) -> ExportFinished:
    """Says that a job is done or has failed."""
    return ExportFinished.model_validate(
        {
            "user_id": export.user_id,
            "version": export.version,
            "export_id": str(export.id),
            "status": export.status,
            "format": export.format,
            "filename": export.filename,
            "size_bytes": export.size_bytes or 0,
            "finished_at": export.finished_at,
        }
    )


class Reconciler:
    """Finds jobs that nobody works on, and has them worked on: Redis and Celery only hint."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        tasks: TaskQueue,
        *,
        max_attempts: int,
        running_per_user: int,
        every_seconds: float,
        enqueue_again: timedelta,
    ) -> None:
        self._database = database
        self._redis = redis
        self._tasks = tasks
        self._max_attempts = max_attempts
        self._running_per_user = running_per_user
        self._every_seconds = every_seconds
        self._enqueue_again = enqueue_again

    async def run(self) -> None:
        """Until cancelled; a duty."""
        while True:
            await self.reconcile()
            await asyncio.sleep(self._every_seconds)

    async def reconcile(self) -> None:
        await self._give_up()
        async with self._database.transaction() as session:
            stranded = await LeaseRepository(session).take_stranded(
                self._enqueue_again,
                max_attempts=self._max_attempts,
                running_per_user=self._running_per_user,
                limit=_HINTS_AT_ONCE,
            )
        for export_id in stranded:
            log.info("task sent again", export=export_id)
            await self._tasks.send(RENDER, str(export_id))

    async def _give_up(self) -> None:
        async with self._database.transaction() as session:
            leases = LeaseRepository(session)
            failed = await leases.fail_worn_out(self._max_attempts, WornOutError().problem())
            await publish(session, *map(finished_event, failed), source="exporter")
            await ExportRepository(session).add_removals([each.id for each in failed])
        for each in failed:
            await send_signal(self._redis, SIGNAL, each.id)


class CleanUp:
    """Lets files expire, and removes those that nobody may have any more."""

    def __init__(self, database: Database, files: FileStore, *, every_seconds: float) -> None:
        self._database = database
        self._files = files
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Until cancelled; a duty."""
        while True:
            await self.clean_up()
            await asyncio.sleep(self._every_seconds)

    async def clean_up(self) -> None:
        async with self._database.transaction() as session:
            exports = ExportRepository(session)
            expired = await exports.expire_due()
            await _say_removed(session, expired)
            removals = await exports.removals(_REMOVALS_AT_ONCE)
        for export_id in removals:
            await self._files.remove_all(export_id)
            async with self._database.transaction() as session:
                await ExportRepository(session).removed(export_id)


class Forgetting:
    """What the deletion of a conversation or a user means for exports."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def conversation_deleted(self, session: Session, data: ConversationDeleted) -> None:
        """Cancel the jobs that contain it, and let the files that do expire."""
        exports = ExportRepository(session)
        which = (data.user_id, data.conversation_id)
        error = ConversationDeletedError().problem()
        cancelled = await exports.cancel_containing(*which, error)
        await _say_removed(session, await exports.expire_containing(*which))
        for each in cancelled:
            await send_signal(self._redis, SIGNAL, each.id)

    async def user_deleted(self, session: Session, data: UserDeleted) -> None:
        exports = ExportRepository(session)
        await exports.add_removals(await exports.delete_all_of(data.user_id))


async def _say_removed(session: Session, expired: list[Export]) -> None:
    await ExportRepository(session).add_removals([each.id for each in expired])
    await publish(session, *map(removed_event, expired), source="exporter")
