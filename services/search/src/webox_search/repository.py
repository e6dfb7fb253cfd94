"""All SQL of search."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from webox_kit.database import Session
from webox_search.models import conversation_tombstone, index_state, user_tombstone


@dataclass(frozen=True, slots=True)
class IndexState:
    rebuild_requested_at: datetime | None
    rebuilt_at: datetime | None
    indexed_at: datetime | None
    lag_ms: int | None
    rebuild_done: int | None = None

    @property
    def rebuild_is_due(self) -> bool:
        if self.rebuild_requested_at is None:
            return False
        return self.rebuilt_at is None or self.rebuilt_at < self.rebuild_requested_at


async def bury_conversations(session: Session, ids: Collection[int]) -> None:
    """Leave tombstones: what is deleted stays deleted, whatever older event comes later."""
    await _bury(session, conversation_tombstone, "conversation_id", ids)


async def bury_users(session: Session, ids: Collection[int]) -> None:
    await _bury(session, user_tombstone, "user_id", ids)


async def buried_conversations(session: Session, ids: Collection[int]) -> set[int]:
    """Those of `ids` that have a tombstone."""
    column = conversation_tombstone.c.conversation_id
    return set(await session.scalars(select(column).where(column.in_(ids)))) if ids else set()


async def buried_users(session: Session, ids: Collection[int]) -> set[int]:
    column = user_tombstone.c.user_id
    return set(await session.scalars(select(column).where(column.in_(ids)))) if ids else set()


async def state(session: Session) -> IndexState:
    row = (await session.execute(select(index_state))).one()
    return IndexState(
        row.rebuild_requested_at, row.rebuilt_at, row.indexed_at, row.lag_ms, row.rebuild_done
    )


async def note_indexed(session: Session, lag_ms: int) -> None:
    await session.execute(update(index_state).values(indexed_at=func.now(), lag_ms=lag_ms))


async def request_rebuild(session: Session) -> datetime:
    """Ask whoever holds the writer for a rebuild; the answer is when it was asked for."""
    requested_at: datetime | None = await session.scalar(
        update(index_state)
        .values(rebuild_requested_at=func.clock_timestamp())
        .returning(index_state.c.rebuild_requested_at)
    )
    assert requested_at is not None  # noqa: S101 - the first migration makes the row
    return requested_at


async def now(session: Session) -> datetime:
    """The database's clock, the one that requests for a rebuild are stamped with."""
    moment: datetime | None = await session.scalar(select(func.clock_timestamp()))
    assert moment is not None  # noqa: S101 - a clock always tells a time
    return moment


async def note_progress(session: Session, done: int | None) -> None:
    await session.execute(update(index_state).values(rebuild_done=done))


async def note_rebuilt(session: Session, began_at: datetime) -> None:
    await session.execute(
        update(index_state)
        .where(or_(index_state.c.rebuilt_at.is_(None), index_state.c.rebuilt_at < began_at))
        .values(rebuilt_at=began_at)
    )


async def _bury(session: Session, table: Table, column: str, ids: Collection[int]) -> None:
    if ids:
        rows = [{column: each} for each in sorted(ids)]
        await session.execute(insert(table).values(rows).on_conflict_do_nothing())
