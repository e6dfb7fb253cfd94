"""SQL of export jobs as their owners see them, and as they come to their end."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from webox_exporter.models import export, removal
from webox_exporter.schemas import Export, NewExport
from webox_kit.database import Session

UNFINISHED = ("queued", "running")


class ExportRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, new: NewExport) -> Export | None:
        """Queue the job; None when its user has one like it under way, or used its key before."""
        statement = insert(export).values(**new.model_dump()).on_conflict_do_nothing()
        return await self._one(statement.returning(*export.c))

    async def unfinished_like(self, user_id: int, fingerprint: str) -> Export | None:
        return await self._one(
            select(export).where(
                export.c.user_id == user_id,
                export.c.fingerprint == fingerprint,
                export.c.status.in_(UNFINISHED),
            )
        )

    async def by_key(self, user_id: int, key: str, age: timedelta) -> Export | None:
        """The export made with this idempotency key; an older one than `age` lets go of it."""
        mine = (export.c.user_id == user_id, export.c.idempotency_key == key)
        await self._session.execute(
            update(export)
            .where(*mine, export.c.created_at < func.now() - age)
            .values(idempotency_key=None)
        )
        return await self._one(select(export).where(*mine))

    async def get(self, user_id: int, export_id: UUID) -> Export | None:
        return await self._one(select(export).where(*_of(user_id, export_id)))

    async def is_past(self, export_id: UUID) -> bool:
        """Whether its file's time is over, swept up or not."""
        over = export.c.expires_at <= func.clock_timestamp()
        return bool(await self._session.scalar(select(over).where(export.c.id == export_id)))

    async def page(
        self, user_id: int, *, limit: int, before: UUID | None, skip: int
    ) -> list[Export]:
        """The newest first: ids are made in the order of time."""
        query = select(export).where(export.c.user_id == user_id).order_by(export.c.id.desc())
        if before is not None:
            query = query.where(export.c.id < before)
        return await self._all(query.limit(limit).offset(skip))

    async def done_after(self, after: UUID, limit: int) -> list[Export]:
        """Everybody's, by id."""
        return await self._all(
            select(export)
            .where(export.c.id > after, export.c.status == "done")
            .order_by(export.c.id)
            .limit(limit)
        )

    async def with_files_to_come_or_go(self, ids: Collection[UUID]) -> set[UUID]:
        """Those of `ids` that are being worked on, or whose files are about to be removed."""
        working = select(export.c.id).where(export.c.id.in_(ids), export.c.status.in_(UNFINISHED))
        going = select(removal.c.export_id).where(removal.c.export_id.in_(ids))
        return set(await self._session.scalars(working.union(going)))

    async def cancel(self, user_id: int, export_id: UUID) -> Export | None:
        """End an unfinished job; None when it is not unfinished."""
        return await self._one(
            update(export)
            .where(*_of(user_id, export_id), export.c.status.in_(UNFINISHED))
            .values(**_ended("cancelled"))
            .returning(*export.c)
        )

    async def delete(self, user_id: int, export_id: UUID) -> Export | None:
        """Forget a finished job; None when there is none."""
        return await self._one(
            delete(export)
            .where(*_of(user_id, export_id), export.c.status.not_in(UNFINISHED))
            .returning(*export.c)
        )

    async def cancel_containing(
        self, user_id: int, conversation_id: int, error: dict[str, Any]
    ) -> list[Export]:
        """End the unfinished jobs that contain the conversation."""
        return await self._all(
            update(export)
            .where(_contains(user_id, conversation_id), export.c.status.in_(UNFINISHED))
            .values(**_ended("cancelled"), error=error)
            .returning(*export.c)
        )

    async def expire_containing(self, user_id: int, conversation_id: int) -> list[Export]:
        """Let the finished files that contain the conversation expire now."""
        return await self._expire(_contains(user_id, conversation_id))

    async def expire_due(self) -> list[Export]:
        return await self._expire(export.c.expires_at <= func.clock_timestamp())

    async def delete_all_of(self, user_id: int) -> list[UUID]:
        ids = await self._session.scalars(
            delete(export).where(export.c.user_id == user_id).returning(export.c.id)
        )
        return list(ids)

    async def queue_state(self) -> tuple[int, int, float]:
        """Queued jobs, running ones, and the age of the oldest queued one in seconds."""
        queued = export.c.status == "queued"
        oldest = func.min(export.c.created_at).filter(queued)
        row = (
            await self._session.execute(
                select(
                    func.count().filter(queued),
                    func.count().filter(export.c.status == "running"),
                    func.extract("epoch", func.clock_timestamp() - oldest),
                ).where(export.c.status.in_(UNFINISHED))
            )
        ).one()
        return row[0], row[1], float(row[2] or 0)

    async def ended_since(self, age: timedelta) -> dict[str, int]:
        """How many jobs ended in the last `age`, by status."""
        rows = await self._session.execute(
            select(export.c.status, func.count())
            .where(export.c.finished_at > func.now() - age)
            .group_by(export.c.status)
        )
        return {row[0]: row[1] for row in rows}

    async def add_removals(self, export_ids: Sequence[UUID]) -> None:
        """Note that these exports' files are to go."""
        if export_ids:
            rows = [{"export_id": export_id} for export_id in export_ids]
            await self._session.execute(insert(removal).on_conflict_do_nothing(), rows)

    async def removals(self, limit: int) -> list[UUID]:
        oldest_first = select(removal.c.export_id).order_by(removal.c.created_at)
        return list(await self._session.scalars(oldest_first.limit(limit)))

    async def removed(self, export_id: UUID) -> None:
        await self._session.execute(delete(removal).where(removal.c.export_id == export_id))

    async def count_removals(self) -> int:
        return await self._session.scalar(select(func.count()).select_from(removal)) or 0

    async def _expire(self, which: ColumnElement[bool]) -> list[Export]:
        return await self._all(
            update(export)
            .where(which, export.c.status == "done")
            .values(
                status="expired",
                expires_at=func.least(export.c.expires_at, func.clock_timestamp()),
                object_key=None,
                version=export.c.version + 1,
            )
            .returning(*export.c)
        )

    async def _one(self, statement: Any) -> Export | None:
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else Export.model_validate(row)

    async def _all(self, statement: Any) -> list[Export]:
        rows = await self._session.execute(statement)
        return [Export.model_validate(row) for row in rows]


def _of(user_id: int, export_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return export.c.id == export_id, export.c.user_id == user_id


def _contains(user_id: int, conversation_id: int) -> ColumnElement[bool]:
    return (export.c.user_id == user_id) & export.c.conversation_ids.contains([conversation_id])


def _ended(status: str) -> dict[str, Any]:
    return {
        "status": status,
        "finished_at": func.clock_timestamp(),
        "lease_until": None,
        "version": export.c.version + 1,
    }
