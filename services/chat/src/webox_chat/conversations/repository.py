"""SQL over conversations and what they hold. The owner is part of every query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from webox_chat.conversations.schemas import ConversationFilters, Entry, StoredConversation
from webox_chat.models import conversation, message, reply
from webox_kit.database import Session

CONVERSATION_COLUMNS = [column for column in conversation.c if column.name != "tag_keys"]

Position = tuple[int, int, int]
"""Where an entry stands: its turn's message id, its place in the turn, its own id."""


@dataclass(frozen=True)
class PlacedEntry:
    entry: Entry
    position: Position


class ConversationRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, user_id: int, conversation_id: int) -> StoredConversation | None:
        return await self._one_or_none(_owned(user_id, conversation_id))

    async def lock(self, user_id: int, conversation_id: int) -> StoredConversation | None:
        """The same, held against changes until the transaction ends."""
        owned = _owned(user_id, conversation_id)
        return await self._one_or_none(owned.with_for_update(key_share=True))

    async def page(
        self,
        user_id: int,
        filters: ConversationFilters,
        *,
        limit: int,
        after: tuple[datetime, int] | None = None,
        skip: int | None = None,
    ) -> list[StoredConversation]:
        """Newest first, from after a key (updated_at, id) or from an offset."""
        query = (
            select(*CONVERSATION_COLUMNS)
            .where(conversation.c.user_id == user_id, *_conditions(filters))
            .order_by(conversation.c.updated_at.desc(), conversation.c.id.desc())
            .limit(limit)
            .offset(skip)
        )
        if after is not None:
            query = query.where(tuple_(conversation.c.updated_at, conversation.c.id) < after)
        rows = await self._session.execute(query)
        return [StoredConversation.model_validate(row) for row in rows]

    async def favorite(
        self, user_id: int, conversation_id: int, value: bool | None
    ) -> StoredConversation | None:
        """Set, or toggle when `value` is None, in one statement: parallel toggles all count."""
        new = ~conversation.c.is_favorite if value is None else literal(value)
        return await self._change(user_id, conversation_id, is_favorite=new)

    async def set_tags(
        self, user_id: int, conversation_id: int, tags: Sequence[str]
    ) -> StoredConversation | None:
        keys = [tag.casefold() for tag in tags]
        return await self._change(user_id, conversation_id, tags=list(tags), tag_keys=keys)

    async def change(
        self, user_id: int, conversation_id: int, values: dict[str, Any]
    ) -> StoredConversation | None:
        return await self._change(user_id, conversation_id, **values)

    async def delete(self, user_id: int, conversation_id: int) -> StoredConversation | None:
        return await self._one_or_none(
            delete(conversation)
            .where(conversation.c.id == conversation_id, conversation.c.user_id == user_id)
            .returning(*CONVERSATION_COLUMNS)
        )

    async def ids_of(self, user_id: int, limit: int) -> Sequence[int]:
        query = select(conversation.c.id).where(conversation.c.user_id == user_id).limit(limit)
        return (await self._session.scalars(query)).all()

    async def entries(
        self,
        conversation_id: int,
        *,
        limit: int,
        after: Position | None = None,
        before: Position | None = None,
    ) -> list[PlacedEntry]:
        """Messages and current replies.

        The first `limit` after a position, oldest first, or the last `limit` before one, newest
        first.
        """
        entries = _entries(conversation_id).subquery()
        place = tuple_(entries.c.turn, entries.c.place, entries.c.id)
        query = select(entries).limit(limit)
        columns = (entries.c.turn, entries.c.place, entries.c.id)
        if before is not None:
            query = query.where(place < before).order_by(*(each.desc() for each in columns))
        else:
            query = query.order_by(*columns)
        if after is not None:
            query = query.where(place > after)
        rows = await self._session.execute(query)
        return [
            PlacedEntry(Entry.model_validate(row), (row.turn, row.place, row.id)) for row in rows
        ]

    async def _change(
        self, user_id: int, conversation_id: int, **values: Any
    ) -> StoredConversation | None:
        return await self._one_or_none(
            update(conversation)
            .where(conversation.c.id == conversation_id, conversation.c.user_id == user_id)
            .values(version=conversation.c.version + 1, **values)
            .returning(*CONVERSATION_COLUMNS)
        )

    async def _one_or_none(self, statement: Any) -> StoredConversation | None:
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else StoredConversation.model_validate(row)


def readable(replies: FromClause = reply) -> ColumnElement[bool]:
    """Whether a reply counts as a message: current, and done or cancelled with some text."""
    return and_(
        replies.c.superseded_by.is_(None),
        or_(
            replies.c.status == "done",
            and_(replies.c.status == "cancelled", replies.c.content != ""),
        ),
    )


def with_tag(tag: str) -> ColumnElement[bool]:
    """Whether a conversation has the tag, in whatever case."""
    return conversation.c.tag_keys.op("@>")(cast([tag.strip().casefold()], ARRAY(Text)))


def has_tags() -> ColumnElement[bool]:
    """Whether a conversation has any tag, said as the index of those that do says it."""
    return conversation.c.tags != text("'{}'")


def _owned(user_id: int, conversation_id: int) -> Select[Any]:
    return select(*CONVERSATION_COLUMNS).where(
        conversation.c.id == conversation_id, conversation.c.user_id == user_id
    )


def _conditions(filters: ConversationFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.folder is not None:
        conditions.append(conversation.c.folder == filters.folder)
    if filters.tag is not None:
        conditions.append(with_tag(filters.tag))
    if filters.favorite is not None:
        conditions.append(conversation.c.is_favorite == filters.favorite)
    if filters.archived is not None:
        conditions.append(conversation.c.archived == filters.archived)
    return conditions


def _entries(conversation_id: int) -> Any:
    asked = select(
        message.c.id,
        message.c.id.label("turn"),
        literal(-1).label("place"),
        literal("user").label("role"),
        message.c.content,
        message.c.created_at,
        message.c.parent_id,
        literal("done").label("status"),
        *(null().label(name) for name in _OF_REPLIES),
        *(null().label(name) for name in _FIGURES),
        literal(value=False).label("context_cut"),
        literal(value=False).label("demo"),
    ).where(message.c.conversation_id == conversation_id)
    answered = select(
        reply.c.id,
        reply.c.message_id.label("turn"),
        reply.c.position.label("place"),
        literal("assistant").label("role"),
        reply.c.content,
        case((reply.c.finished_at.is_not(None), reply.c.finished_at), else_=reply.c.created_at),
        reply.c.message_id.label("parent_id"),
        reply.c.status,
        reply.c.provider.label("ai_provider"),
        reply.c.model,
        reply.c.finish_reason,
        func.coalesce(reply.c.error, null(), type_=JSONB).label("error"),
        func.nullif(reply.c.reasoning, "").label("reasoning"),
        func.coalesce(reply.c.fallback, null(), type_=JSONB).label("fallback"),
        *(reply.c[name] for name in _FIGURES),
        reply.c.context_cut,
        reply.c.demo,
    ).where(
        reply.c.conversation_id == conversation_id,
        reply.c.superseded_by.is_(None),
    )
    return union_all(asked, answered)


_OF_REPLIES = ("ai_provider", "model", "finish_reason", "error", "reasoning", "fallback")
_FIGURES = (
    "attempt",
    "input_tokens",
    "output_tokens",
    "cost",
    "time_to_first_token_ms",
    "total_ms",
)
