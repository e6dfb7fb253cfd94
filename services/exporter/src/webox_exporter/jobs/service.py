"""A claimed job's dealings with the database: keeping the lease, and every way to end it."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from webox_exporter.errors import JobError, UnreachableError
from webox_exporter.jobs.repository import LeaseRepository
from webox_exporter.repository import ExportRepository
from webox_exporter.schemas import Export, StoredFile
from webox_exporter.service import SIGNAL
from webox_exporter.tasks import RENDER
from webox_exporter.upkeep import finished_event
from webox_kit.database import Database
from webox_kit.logs import get_logger
from webox_kit.outages import is_outage
from webox_kit.outbox import publish
from webox_kit.signals import send_signal
from webox_kit.tasks import TaskQueue

log = get_logger(__name__)

_CANCELLING = {"conversation_deleted"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How jobs are shared out, and how long their leases and files last.

    A job whose needs are away is tried again after `pause`, until it is older than `patience`.
    """

    lease: timedelta
    renew_seconds: float
    kept: timedelta
    pause: timedelta
    patience: timedelta
    max_attempts: int
    running_per_user: int


@dataclass(slots=True)
class Progress:
    """What the renderer and the lease's keeper tell each other."""

    messages_done: int = 0
    lost: bool = False


class Jobs:
    def __init__(self, database: Database, redis: Redis, tasks: TaskQueue, limits: Limits) -> None:
        self._database = database
        self._redis = redis
        self._tasks = tasks
        self._limits = limits

    async def claim(self) -> Export | None:
        """The job whose turn it is, now ours until its lease runs out; None if there is none."""
        async with self._database.transaction() as session:
            return await LeaseRepository(session).claim(
                lease=self._limits.lease,
                max_attempts=self._limits.max_attempts,
                running_per_user=self._limits.running_per_user,
            )

    async def keep(self, claimed: Export, progress: Progress) -> None:
        """Until cancelled: renew the lease; set `progress.lost` when the job is not ours."""
        while not progress.lost:
            await asyncio.sleep(self._limits.renew_seconds)
            try:
                async with self._database.transaction() as session:
                    ours = await LeaseRepository(session).keep(
                        claimed, self._limits.lease, progress.messages_done
                    )
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("lease not renewed", error=type(error).__name__)
            else:
                progress.lost = not ours

    async def note_contents(self, claimed: Export, ids: list[int], messages_total: int) -> bool:
        async with self._database.transaction() as session:
            return await LeaseRepository(session).note_contents(claimed, ids, messages_total)

    async def finish(self, claimed: Export, file: StoredFile) -> bool:
        """The file can be downloaded from now on; False when the job is not ours any more."""
        async with self._database.transaction() as session:
            done = await LeaseRepository(session).finish(claimed, file, self._limits.kept)
            if done is not None:
                await publish(session, finished_event(done), source="exporter")
        await self._say(claimed)
        return done is not None

    async def fail(self, claimed: Export, error: JobError) -> None:
        """End the job with this error, unless it is somebody else's by now."""
        status = "cancelled" if error.code in _CANCELLING else "failed"
        async with self._database.transaction() as session:
            ended = await LeaseRepository(session).fail(claimed, status, error.problem())
            if ended is None:
                return
            await ExportRepository(session).add_removals([ended.id])
            if status == "failed":
                await publish(session, finished_event(ended), source="exporter")
        await self._say(claimed)

    async def give_back(self, claimed: Export) -> None:
        """Somebody may try again in a while: what the job needs is away. Not for ever, though."""
        async with self._database.transaction() as session:
            given_back = await LeaseRepository(session).give_back(
                claimed, self._limits.pause, self._limits.patience
            )
        if not given_back:
            await self.fail(claimed, UnreachableError())

    async def hint_at_next(self) -> None:
        """Wake a worker for what waits, in case that the hint for it was lost or came early."""
        async with self._database.transaction() as session:
            waiting = await LeaseRepository(session).waiting(
                max_attempts=self._limits.max_attempts,
                running_per_user=self._limits.running_per_user,
            )
        if waiting is not None:
            await self._tasks.send(RENDER, str(waiting))

    async def _say(self, ended: Export) -> None:
        await send_signal(self._redis, SIGNAL, ended.id)
