"""SQL that writes the read models, a statement per table and batch.

`execute(statement, rows)` is psycopg's pipelined `executemany`: one round trip, and seven times
faster than one INSERT with as many VALUES, which SQLAlchemy compiles anew each time.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import case, delete, func, text, tuple_
from sqlalchemy.dialects.postgresql import Insert, insert

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
        await self._execute(_PRODUCT, rows.products)
        await self._execute(_STORAGE, rows.storage)
        await self._execute(_CONVERSATION, rows.conversations)
        await self._count(rows.generations)
        await self._execute(_ACTIVITY, rows.activities)

    async def add_notifications(self, rows: Sequence[EntryRow]) -> list[MadeNotification]:
        """Those that were not there before."""
        if not rows:
            return []
        made = await self._session.execute(_NOTIFICATION, rows)
        return [MadeNotification(*row) for row in made]

    async def _count(self, generations: Sequence[GenerationRow]) -> None:
        """Count those never seen before."""
        if not generations:
            return
        columns = {
            "user_ids": [each["user_id"] for each in generations],
            "origins": [each["origin"] for each in generations],
        }
        new = Counter(await self._session.scalars(_GENERATION, columns))
        counts = [{"user_id": key, "generations": new[key]} for key in sorted(new)]
        await self._execute(_GENERATION_COUNT, counts)

    async def _remember(self, deletions: Sequence[Deletion]) -> None:
        await self._execute(
            insert(tombstone).on_conflict_do_nothing(),
            [
                {"kind": each.thing.kind, "key": each.thing.key, "user_id": each.user_id}
                for each in deletions
            ],
        )

    async def _execute(self, statement: Insert, rows: Sequence[Any]) -> None:
        if rows:
            await self._session.execute(statement, rows)


def _of(deletions: Sequence[Deletion], kind: str) -> list[Deletion]:
    return [each for each in deletions if each.thing.kind == kind]


def _upsert_product() -> Insert:
    statement = insert(product)
    new = statement.excluded
    renamed = new.name_mark > func.coalesce(product.c.name_mark, "")
    marks = ("seen_at", "seen_mark", "name_mark", "published_mark", "deleted_mark")
    return statement.on_conflict_do_update(
        constraint=product.primary_key,
        set_={
            "name": case((renamed, new.name), else_=product.c.name),
            # GREATEST leaves NULL out: what an event says nothing of stays.
            **{name: func.greatest(product.c[name], new[name]) for name in marks},
        },
    )


def _upsert_storage() -> Insert:
    statement = insert(storage)
    new = statement.excluded
    return statement.on_conflict_do_update(
        constraint=storage.primary_key,
        set_={"size_bytes": new.size_bytes, "mark": new.mark},
        where=new.mark > storage.c.mark,
    )


def _upsert_conversation() -> Insert:
    statement = insert(conversation)
    new, old = statement.excluded, conversation.c
    newer = new.state_version >= func.coalesce(old.state_version, 0)
    return statement.on_conflict_do_update(
        constraint=conversation.primary_key,
        set_={
            "title": case((newer, new.title), else_=old.title),
            "archived": case((newer, new.archived), else_=old.archived),
            "state_version": func.greatest(old.state_version, new.state_version),
            "updated_at": func.greatest(old.updated_at, new.updated_at),
        },
    )


def _add_to_count() -> Insert:
    statement = insert(generation_count)
    total = generation_count.c.generations + statement.excluded.generations
    return statement.on_conflict_do_update(
        constraint=generation_count.primary_key, set_={"generations": total}
    )


_PRODUCT = _upsert_product()
_STORAGE = _upsert_storage()
_CONVERSATION = _upsert_conversation()
# With RETURNING, SQLAlchemy would make one INSERT with as many VALUES of it: arrays are faster.
_GENERATION = text(
    "INSERT INTO generation (user_id, origin)"
    " SELECT * FROM unnest(CAST(:user_ids AS bigint[]), CAST(:origins AS text[]))"
    " ON CONFLICT DO NOTHING RETURNING user_id"
)
_DELETED = text(
    "SELECT tombstone.kind, tombstone.key FROM tombstone"
    " JOIN unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS about (kind, key)"
    ' ON tombstone.kind = about.kind COLLATE "C" AND tombstone.key = about.key COLLATE "C"'
)
_GENERATION_COUNT = _add_to_count()
_ACTIVITY = insert(activity).on_conflict_do_nothing()
_NOTIFICATION = (
    insert(notification)
    .on_conflict_do_nothing()
    .returning(notification.c.id, notification.c.user_id, notification.c.kind)
)
