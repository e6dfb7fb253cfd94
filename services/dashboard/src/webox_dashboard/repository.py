"""SQL that reads the read models. The owner is part of every query."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from webox_dashboard.models import (
    activity,
    conversation,
    generation_count,
    notification,
    product,
    storage,
)
from webox_kit.database import Session

Position = tuple[datetime, str]
"""Where an entry stands in its list: its time, then its origin."""


class Counts(NamedTuple):
    websites: int
    funnels: int
    conversations: int
    generations: int
    storage_bytes: int


class StoredProject(NamedTuple):
    type: str
    subject: str
    name: str
    status: str
    updated_at: datetime
    age: timedelta


class StoredEntry(NamedTuple):
    """`details` fill the places in the words of its kind."""

    id: int
    kind: str
    origin: str
    details: dict[str, Any]
    created_at: datetime
    age: timedelta
    read: bool

    @property
    def position(self) -> Position:
        return self.created_at, self.origin


class DashboardRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def counts(self, user_id: int) -> Counts:
        conversations = select(func.count()).where(*_shown_conversations(user_id))
        generations = select(generation_count.c.generations).where(
            generation_count.c.user_id == user_id
        )
        row = await self._session.execute(
            select(
                _products(user_id, "website").scalar_subquery(),
                _products(user_id, "funnel").scalar_subquery(),
                conversations.scalar_subquery(),
                func.coalesce(generations.scalar_subquery(), 0),
                _stored_bytes(user_id).scalar_subquery(),
            )
        )
        return Counts(*map(int, row.one()))

    async def recent_projects(self, user_id: int, limit: int) -> list[StoredProject]:
        """The last changed, of all types."""
        products = await self._session.execute(_recent_products(user_id, limit))
        conversations = await self._session.execute(_recent_conversations(user_id, limit))
        found = [StoredProject(*row) for row in (*products, *conversations)]
        found.sort(key=lambda each: (each.updated_at, each.type, each.subject), reverse=True)
        return found[:limit]

    async def activities(
        self, user_id: int, *, limit: int, after: Position | None, skip: int | None
    ) -> Sequence[StoredEntry]:
        return await self._entries(activity, false(), user_id, limit, after, skip)

    async def notifications(
        self, user_id: int, *, limit: int, after: Position | None, skip: int | None
    ) -> Sequence[StoredEntry]:
        read = notification.c.read_at.is_not(None)
        return await self._entries(notification, read, user_id, limit, after, skip)

    async def unread(self, user_id: int) -> int:
        unread = select(func.count()).where(*_unread(user_id))
        return int(await self._session.scalar(unread) or 0)

    async def mark_read(self, user_id: int, notification_id: int) -> bool:
        """Whether the user has such a notification; one that was read keeps its time."""
        found = await self._session.scalar(
            update(notification)
            .where(notification.c.id == notification_id, notification.c.user_id == user_id)
            .values(read_at=func.coalesce(notification.c.read_at, func.now()))
            .returning(notification.c.id)
        )
        return found is not None

    async def mark_all_read(self, user_id: int) -> None:
        await self._session.execute(
            update(notification).where(*_unread(user_id)).values(read_at=func.now())
        )

    async def _entries(
        self,
        table: Table,
        read: ColumnElement[bool],
        user_id: int,
        limit: int,
        after: Position | None,
        skip: int | None,
    ) -> Sequence[StoredEntry]:
        columns = table.c
        wanted = (
            select(
                columns.id,
                columns.kind,
                columns.origin,
                _details(table),
                columns.created_at,
                _age(columns.created_at),
                read,
            )
            .select_from(table.outerjoin(product, _is_about(table)))
            .where(columns.user_id == user_id)
            .order_by(columns.created_at.desc(), columns.origin.desc())
            .limit(limit)
            .offset(skip)
        )
        if after is not None:
            position = tuple_(columns.created_at, columns.origin)
            wanted = wanted.where(position < tuple_(literal(after[0]), literal(after[1])))
        return [StoredEntry(*row) for row in await self._session.execute(wanted)]


def _products(user_id: int, product_type: str) -> Select[Any]:
    columns = product.c
    return select(func.count()).where(
        columns.user_id == user_id, columns.type == product_type, columns.alive
    )


def _shown_conversations(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return conversation.c.user_id == user_id, conversation.c.title.is_not(None)


def _unread(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return notification.c.user_id == user_id, notification.c.read_at.is_(None)


def _stored_bytes(user_id: int) -> Select[Any]:
    """The sum over subjects of what each takes now.

    What a `StorageChanged` says is about the website or funnel with its subject, if there is
    one: of the two, the newer counts. A website and a funnel of one subject are two things.
    """
    other = storage.alias("other")
    superseding = select(1).where(
        other.c.user_id == storage.c.user_id,
        other.c.subject == storage.c.subject,
        other.c.mark > storage.c.mark,
        or_(
            and_(storage.c.type == "storage", other.c.type.in_(_PRODUCTS)),
            and_(storage.c.type.in_(_PRODUCTS), other.c.type == "storage"),
        ),
    )
    return select(func.coalesce(func.sum(storage.c.size_bytes), 0)).where(
        storage.c.user_id == user_id, ~superseding.exists()
    )


_PRODUCTS = ("website", "funnel")


def _recent_products(user_id: int, limit: int) -> Select[Any]:
    columns = product.c
    published = columns.published_mark > func.coalesce(columns.deleted_mark, "")
    return (
        select(
            columns.type,
            columns.subject,
            func.coalesce(columns.name, columns.subject),
            case((published, "published"), else_="draft"),
            columns.seen_at,
            _age(columns.seen_at),
        )
        .where(columns.user_id == user_id, columns.alive)
        .order_by(columns.seen_at.desc())
        .limit(limit)
    )


def _recent_conversations(user_id: int, limit: int) -> Select[Any]:
    columns = conversation.c
    return (
        select(
            literal("conversation"),
            cast(columns.conversation_id, Text),
            columns.title,
            case((columns.archived, "archived"), else_="active"),
            columns.updated_at,
            _age(columns.updated_at),
        )
        .where(*_shown_conversations(user_id))
        .order_by(columns.updated_at.desc())
        .limit(limit)
    )


def _age(moment: ColumnElement[datetime]) -> ColumnElement[timedelta]:
    """By the database's clock, which also gave most of the moments: ours may be wrong."""
    return type_coerce(func.now() - moment, Interval)


def _details(table: Table) -> ColumnElement[Any]:
    """An event may leave out a product's name: then it is called as it is now."""
    name = func.coalesce(table.c.details["name"].astext, product.c.name, table.c.subject)
    return table.c.details.op("||")(func.jsonb_build_object("name", name))


def _is_about(table: Table) -> ColumnElement[bool]:
    return and_(
        product.c.user_id == table.c.user_id,
        product.c.type == table.c.subject_type,
        product.c.subject == table.c.subject,
    )
