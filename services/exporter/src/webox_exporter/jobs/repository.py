"""SQL of leases: claiming a job, keeping it, and the fenced writes that end it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on

from webox_exporter.models import export
from webox_exporter.repository import UNFINISHED
from webox_exporter.schemas import Export, StoredFile
from webox_kit.database import Session, advisory_key

_CLAIMING = advisory_key("webox:exporter:claim")


class LeaseRepository:
    """`claimed` is always the job as it was claimed: its attempt is the fence of every write."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def claim(
        self, *, lease: timedelta, max_attempts: int, running_per_user: int
    ) -> Export | None:
        """Take the job whose turn it is: the users in turn, each one's oldest first.

        One claim at a time, so that two cannot both see room for one user's next job.
        """
        await self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CLAIMING})
        oldest = (
            select(export.c.id, export.c.user_id)
            .where(_is_ready(max_attempts, running_per_user))
            .order_by(export.c.user_id, export.c.id)
            .ext(distinct_on(export.c.user_id))
            .subquery()
        )
        served = export.alias("served")
        served_last = (
            select(func.max(served.c.started_at))
            .where(served.c.user_id == oldest.c.user_id)
            .scalar_subquery()
        )
        next_one = (
            select(oldest.c.id).order_by(served_last.asc().nulls_first(), oldest.c.id).limit(1)
        )
        return await self._write(
            # Once more, for one that is cancelled at this moment.
            and_(export.c.id == next_one.scalar_subquery(), _nobody_works_on_it()),
            status="running",
            attempt=export.c.attempt + 1,
            lease_until=func.clock_timestamp() + lease,
            started_at=func.clock_timestamp(),
            messages_done=0,
            version=export.c.version + 1,
        )

    async def keep(self, claimed: Export, lease: timedelta, messages_done: int) -> bool:
        """Prolong the lease and note the progress; whether the job is still ours."""
        until = func.clock_timestamp() + lease
        kept = await self._write(_fence(claimed), lease_until=until, messages_done=messages_done)
        return kept is not None

    async def note_contents(
        self, claimed: Export, conversation_ids: list[int], messages_total: int
    ) -> bool:
        """Note what the file will hold, before the first of it is read."""
        noted = await self._write(
            _fence(claimed), conversation_ids=conversation_ids, messages_total=messages_total
        )
        return noted is not None

    async def finish(self, claimed: Export, file: StoredFile, kept: timedelta) -> Export | None:
        """The job is done; None when it is not ours any more, and the file must go."""
        return await self._end(
            claimed,
            status="done",
            object_key=file.key,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            expires_at=func.clock_timestamp() + kept,
            error=None,
        )

    async def fail(self, claimed: Export, status: str, error: dict[str, Any]) -> Export | None:
        return await self._end(claimed, status=status, error=error)

    async def give_back(self, claimed: Export, pause: timedelta) -> None:
        """Queue the job again, for after a pause and at no cost to its attempts."""
        await self._write(
            _fence(claimed),
            status="queued",
            lease_until=func.clock_timestamp() + pause,
            given_back=export.c.given_back + 1,
            enqueued_at=func.clock_timestamp(),
            version=export.c.version + 1,
        )

    async def waiting(self, *, max_attempts: int, running_per_user: int) -> UUID | None:
        """A job that could be claimed now."""
        ready = _is_ready(max_attempts, running_per_user)
        found: UUID | None = await self._session.scalar(select(export.c.id).where(ready).limit(1))
        return found

    async def take_stranded(
        self, older_than: timedelta, *, max_attempts: int, running_per_user: int, limit: int
    ) -> list[UUID]:
        """Jobs that could be claimed, but were enqueued long ago; marked as enqueued now."""
        stranded = (
            select(export.c.id)
            .where(
                _is_ready(max_attempts, running_per_user),
                export.c.enqueued_at < func.clock_timestamp() - older_than,
            )
            .order_by(export.c.enqueued_at)
            .limit(limit)
            .with_for_update(skip_locked=True, of=export)
        )
        ids = await self._session.scalars(
            update(export)
            .where(export.c.id.in_(stranded))
            .values(enqueued_at=func.clock_timestamp())
            .returning(export.c.id)
        )
        return list(ids)

    async def fail_worn_out(self, max_attempts: int, error: dict[str, Any]) -> list[Export]:
        """End the jobs that nobody works on and that were begun too many times."""
        rows = await self._session.execute(
            update(export)
            .where(_nobody_works_on_it(), _tries() >= max_attempts)
            .values(**_ending(status="failed", error=error))
            .returning(*export.c)
        )
        return [Export.model_validate(row) for row in rows]

    async def _end(self, claimed: Export, **values: Any) -> Export | None:
        return await self._write(_fence(claimed), **_ending(**values))

    async def _write(self, which: ColumnElement[bool], **values: Any) -> Export | None:
        statement = update(export).where(which).values(**values).returning(*export.c)
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else Export.model_validate(row)


def _fence(claimed: Export) -> ColumnElement[bool]:
    return and_(
        export.c.id == claimed.id,
        export.c.attempt == claimed.attempt,
        export.c.status == "running",
    )


def _nobody_works_on_it() -> ColumnElement[bool]:
    """Queued, and not in the pause after it was given back; or running on a lapsed lease."""
    free = or_(export.c.lease_until.is_(None), export.c.lease_until < func.clock_timestamp())
    return and_(export.c.status.in_(UNFINISHED), free)


def _tries() -> ColumnElement[int]:
    return export.c.attempt - export.c.given_back


def _is_ready(max_attempts: int, running_per_user: int) -> ColumnElement[bool]:
    """Whether a job could be claimed now. Who is busy is asked once, however many jobs wait."""
    other = export.alias("other")
    busy = (
        select(other.c.user_id)
        .where(other.c.status == "running", other.c.lease_until >= func.clock_timestamp())
        .group_by(other.c.user_id)
        .having(func.count() >= running_per_user)
    )
    return and_(_nobody_works_on_it(), _tries() < max_attempts, export.c.user_id.not_in(busy))


def _ending(**values: Any) -> dict[str, Any]:
    return {
        "finished_at": func.clock_timestamp(),
        "lease_until": None,
        "version": export.c.version + 1,
        **values,
    }
