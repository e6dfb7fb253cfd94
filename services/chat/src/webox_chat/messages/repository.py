"""SQL of sending, and of reading a message with its replies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Insert,
    Integer,
    SmallInteger,
    Text,
    bindparam,
    column,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from webox_chat.models import UNFINISHED, conversation, entry_ids, message, reply
from webox_kit.database import Session


@dataclass(frozen=True)
class ProviderChoice:
    """A provider to ask, and which of its models."""

    provider: str
    model: str
    demo: bool


@dataclass(frozen=True)
class StoredMessage:
    id: int
    conversation_id: int
    content: str
    created_at: datetime
    age_ms: int


@dataclass(frozen=True)
class StoredReply:
    id: int
    provider: str
    model: str
    status: str
    attempt: int
    content: str
    error: dict[str, Any] | None
    finish_reason: str | None
    truncated: bool
    demo: bool
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    time_to_first_token_ms: int | None
    total_ms: int | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Turn:
    """Where a new message stands: in which conversation, after which message."""

    user_id: int
    conversation_id: int
    title: str
    folder: str
    version: int
    started_at: datetime
    message_id: int
    parent_id: int | None
    created_at: datetime
    unfinished: int
    """How many of the user's replies are unfinished, those of this turn not counted."""

    @property
    def is_first(self) -> bool:
        return self.parent_id is None


_REPLY_FIELDS = tuple(StoredReply.__dataclass_fields__)


class MessageRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def start_conversation(
        self, user_id: int, *, title: str, folder: str, preview: str
    ) -> Turn:
        """A new conversation, and the place of its first message in it."""
        row = await self._session.execute(
            insert(conversation)
            .values(
                user_id=user_id,
                title=title,
                folder=folder,
                preview=preview,
                message_count=1,
                last_message_id=entry_ids.next_value(),
                version=_VERSION_AFTER_FIRST_MESSAGE,
            )
            .returning(*_TURN_COLUMNS, null().label("parent_id"), _unfinished(user_id))
        )
        return _turn(row.one())

    async def continue_conversation(
        self, user_id: int, conversation_id: int, *, preview: str
    ) -> Turn | None:
        """The place of the next message, with the conversation's row locked until the commit."""
        before = (
            select(conversation.c.id, conversation.c.last_message_id)
            .where(conversation.c.id == conversation_id, conversation.c.user_id == user_id)
            .with_for_update(key_share=True)
            .cte("before")
        )
        row = await self._session.execute(
            update(conversation)
            .where(conversation.c.id == before.c.id)
            .values(
                preview=preview,
                message_count=conversation.c.message_count + 1,
                last_message_id=entry_ids.next_value(),
                updated_at=func.now(),
                version=conversation.c.version + 1,
            )
            .returning(
                *_TURN_COLUMNS,
                before.c.last_message_id.label("parent_id"),
                _unfinished(user_id),
            )
        )
        found = row.one_or_none()
        return None if found is None else _turn(found)

    async def add(
        self,
        turn: Turn,
        content: str,
        choices: Sequence[ProviderChoice],
        *,
        temperature: float | None,
        max_tokens: int | None,
    ) -> StoredMessage:
        """Store the message at its place, with a queued reply per provider."""
        await self._session.execute(
            _ADD,
            {
                "message_id": turn.message_id,
                "of_conversation": turn.conversation_id,
                "of_user": turn.user_id,
                "parent": turn.parent_id,
                "text": content,
                "at_temperature": temperature,
                "at_most_tokens": max_tokens,
                "choices": [
                    asdict(choice) | {"position": number} for number, choice in enumerate(choices)
                ],
            },
        )
        return StoredMessage(
            turn.message_id, turn.conversation_id, content, turn.created_at, age_ms=0
        )

    async def get(self, user_id: int, message_id: int) -> StoredMessage | None:
        age = func.extract("epoch", func.clock_timestamp() - message.c.created_at) * 1000
        row = (
            await self._session.execute(
                select(
                    message.c.id,
                    message.c.conversation_id,
                    message.c.content,
                    message.c.created_at,
                    age.label("age_ms"),
                ).where(message.c.id == message_id, message.c.user_id == user_id)
            )
        ).one_or_none()
        if row is None:
            return None
        return StoredMessage(
            row.id, row.conversation_id, row.content, row.created_at, int(row.age_ms)
        )

    async def replies(self, message_id: int) -> list[StoredReply]:
        """The current replies, in the order the providers were named."""
        rows = await self._session.execute(
            select(*(reply.c[name] for name in _REPLY_FIELDS))
            .where(reply.c.message_id == message_id, reply.c.superseded_by.is_(None))
            .order_by(reply.c.position)
        )
        return [StoredReply(**row) for row in rows.mappings()]


_VERSION_AFTER_FIRST_MESSAGE = 2
"""Starting the conversation is one change of it, its first message another."""

_TURN_COLUMNS = (
    conversation.c.user_id,
    conversation.c.id.label("conversation_id"),
    conversation.c.title,
    conversation.c.folder,
    conversation.c.version,
    conversation.c.created_at.label("started_at"),
    conversation.c.last_message_id.label("message_id"),
    conversation.c.updated_at.label("created_at"),
)


def _turn(row: Any) -> Turn:
    return Turn(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name


def _unfinished(user_id: int) -> ColumnElement[int]:
    return (
        select(func.count())
        .select_from(reply)
        .where(reply.c.user_id == user_id, reply.c.status.in_(UNFINISHED))
        .scalar_subquery()
        .label("unfinished")
    )


def _add() -> Insert:
    """The message and its replies in one statement, compiled once for any number of them."""
    choices = (
        func.jsonb_to_recordset(bindparam("choices", type_=JSONB))
        .table_valued(
            column("provider", Text),
            column("model", Text),
            column("demo", Boolean),
            column("position", SmallInteger),
        )
        .render_derived(name="choice", with_types=True)
    )
    placed = {
        "conversation_id": bindparam("of_conversation", type_=BigInteger),
        "user_id": bindparam("of_user", type_=BigInteger),
    }
    message_id = bindparam("message_id", type_=BigInteger)
    asked = (
        insert(message)
        .values(
            id=message_id,
            parent_id=bindparam("parent", type_=BigInteger),
            content=bindparam("text", type_=Text),
            temperature=bindparam("at_temperature", type_=Double),
            max_tokens=bindparam("at_most_tokens", type_=Integer),
            **placed,
        )
        .cte("asked")
    )
    columns = {
        "message_id": message_id,
        **placed,
        "provider": choices.c.provider,
        "model": choices.c.model,
        "demo": choices.c.demo,
        "position": choices.c.position,
    }
    rows = select(*columns.values()).select_from(choices)
    return insert(reply).from_select([*columns], rows).add_cte(asked)


_ADD = _add()
