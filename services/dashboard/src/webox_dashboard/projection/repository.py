"""Writes the read models, with a statement per table and batch."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Executable, delete, text, tuple_

from webox_dashboard.models import (
    activity,
    conversation,
    generation,
    generation_count,
    notification,
    product,
    storage,
    tombstone,
)
from webox_dashboard.projection import things
from webox_dashboard.projection.rows import EntryRow, GenerationRow, Rows
from webox_dashboard.projection.statements import (
    ADD_TO_COUNTS,
    INSERT_ACTIVITIES,
    INSERT_GENERATIONS,
    INSERT_NOTIFICATIONS,
    INSERT_TOMBSTONES,
    UPSERT_CONVERSATIONS,
    UPSERT_PRODUCTS,
    UPSERT_STORAGE,
    arrays_of,
)
from webox_dashboard.projection.things import Deletion, Thing
from webox_kit.database import Session, advisory_key

_TURN = advisory_key("webox:dashboard:projection")
_OF_A_USER = (
    product,
    storage,
    conversation,
    generation,
    generation_count,
    activity,
    notification,
    tombstone,
)


class MadeNotification(NamedTuple):
    id: int
    user_id: int
    kind: str


class ProjectionRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def take_turn(self) -> None:
        """One batch at a time, so that none misses a tombstone that another is writing."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN})

    async def bury_users(self, user_ids: Collection[int]) -> None:
        """Delete everything of these users, and remember that they are deleted."""
        if not user_ids:
            return
        for table in _OF_A_USER:
            await self._session.execute(delete(table).where(table.c.user_id.in_(sorted(user_ids))))
        await self._remember([Deletion(things.user(key), key) for key in sorted(user_ids)])

    async def bury(self, deletions: Sequence[Deletion]) -> None:
        """Delete conversations and exports with the entries they made, and remember them."""
        if not deletions:
            return
        for table in (activity, notification):
            origins = [(each.user_id, str(each.thing)) for each in deletions]
            origin = tuple_(table.c.user_id, table.c.origin)
            await self._session.execute(delete(table).where(origin.in_(origins)))
        conversations = [int(each.thing.key) for each in _of(deletions, "conversation")]
        await self._session.execute(
            delete(conversation).where(conversation.c.conversation_id.in_(conversations))
        )
        exports = [(each.user_id, each.thing.key, "export") for each in _of(deletions, "export")]
        stored = tuple_(storage.c.user_id, storage.c.subject, storage.c.type)
        await self._session.execute(delete(storage).where(stored.in_(exports)))
        await self._remember(deletions)

    async def deleted_among(self, about: Collection[Thing]) -> set[Thing]:
        """Those of the things given that are deleted."""
        if not about:
            return set()
        kinds, keys = zip(*sorted(about), strict=True)
        found = await self._session.execute(_DELETED, {"kinds": list(kinds), "keys": list(keys)})
        return {Thing(*row) for row in found}

    async def save(self, rows: Rows) -> None:
        """Everything but notifications."""
        await self._execute(UPSERT_PRODUCTS, rows.products)
        await self._execute(UPSERT_STORAGE, rows.storage)
        await self._execute(UPSERT_CONVERSATIONS, rows.conversations)
        await self._count(rows.generations)
        await self._execute(INSERT_ACTIVITIES, rows.activities)

    async def add_notifications(self, rows: Sequence[EntryRow]) -> list[MadeNotification]:
        """Those that were not there before."""
        if not rows:
            return []
        made = await self._session.execute(INSERT_NOTIFICATIONS, arrays_of(rows))
        return [MadeNotification(*row) for row in made]

    async def _count(self, generations: Sequence[GenerationRow]) -> None:
        """Count those never seen before."""
        if not generations:
            return
        new = Counter(await self._session.scalars(INSERT_GENERATIONS, arrays_of(generations)))
        counts = [{"user_id": key, "generations": new[key]} for key in sorted(new)]
        await self._execute(ADD_TO_COUNTS, counts)

    async def _remember(self, deletions: Sequence[Deletion]) -> None:
        await self._execute(
            INSERT_TOMBSTONES,
            [
                {"kind": each.thing.kind, "key": each.thing.key, "user_id": each.user_id}
                for each in deletions
            ],
        )

    async def _execute(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            await self._session.execute(statement, arrays_of(rows))


def _of(deletions: Sequence[Deletion], kind: str) -> list[Deletion]:
    return [each for each in deletions if each.thing.kind == kind]


_DELETED = text(
    "SELECT tombstone.kind, tombstone.key FROM tombstone"
    " JOIN unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS about (kind, key)"
    ' ON tombstone.kind = about.kind COLLATE "C" AND tombstone.key = about.key COLLATE "C"'
)
