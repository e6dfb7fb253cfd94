"""SQL of sending, and of reading a message with its replies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    cast,
    column,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.sql.selectable import CTE

from webox_chat.models import UNFINISHED, conversation, entry_ids, message, reply
from webox_contracts.events import EventData
from webox_kit.database import Database
from webox_kit.event_tables import outbox
from webox_kit.outbox import draft, filled_in
from webox_kit.statements import Statement


@dataclass(frozen=True)
class ProviderChoice:
    """A provider to ask, and which of its models."""

    provider: str
    model: str
    demo: bool


@dataclass(frozen=True)
class NewMessage:
    """What is to be stored; `preview` is how its conversation's list shows it."""

    user_id: int
    content: str
    preview: str
    choices: Sequence[ProviderChoice]
    temperature: float | None
    max_tokens: int | None


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


class MessageRepository:
    """A message is stored, with its replies and events, in one statement.

    Their events are given with any conversation, message, version and time, which it fills in.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start_conversation(
        self,
        new: NewMessage,
        *,
        title: str,
        folder: str,
        most_unfinished: int,
        events: Sequence[EventData],
    ) -> StoredMessage | None:
        """Store the first message of a new conversation, with a queued reply per provider.

        None when the user would have more than `most_unfinished` unfinished replies.
        """
        values = _values(new, most_unfinished, events)
        [rows] = await self._database.run(_START(title=title, folder=folder, **values))
        return _stored(rows, new)

    async def continue_conversation(
        self,
        new: NewMessage,
        conversation_id: int,
        *,
        most_unfinished: int,
        events: Sequence[EventData],
    ) -> StoredMessage | None:
        """The same for the next message; None also when the user has no such conversation."""
        values = _values(new, most_unfinished, events)
        [rows] = await self._database.run(_CONTINUE(of_conversation=conversation_id, **values))
        return _stored(rows, new)

    async def unfinished_replies(self, user_id: int) -> int:
        [[row]] = await self._database.run(_COUNT_UNFINISHED(of_user=user_id))
        return int(row["unfinished"])

    async def has_conversation(self, user_id: int, conversation_id: int) -> bool:
        values = {"of_user": user_id, "of_conversation": conversation_id}
        [[row]] = await self._database.run(_HAS_CONVERSATION(**values))
        return bool(row["found"])

    async def get(self, user_id: int, message_id: int) -> StoredMessage | None:
        [rows] = await self._database.run(_GET(of_user=user_id, message_id=message_id))
        return StoredMessage(**rows[0]) if rows else None

    async def replies(self, message_id: int) -> list[StoredReply]:
        """The current replies, in the order the providers were named."""
        [rows] = await self._database.run(_REPLIES(message_id=message_id))
        return [StoredReply(**row) for row in rows]


def _values(new: NewMessage, most_unfinished: int, events: Sequence[EventData]) -> dict[str, Any]:
    return {
        "of_user": new.user_id,
        "content": new.content,
        "preview": new.preview,
        "temperature": new.temperature,
        "max_tokens": new.max_tokens,
        "most_unfinished": most_unfinished - len(new.choices),
        "choices": [
            asdict(choice) | {"position": number} for number, choice in enumerate(new.choices)
        ],
        # The last of them has the conversation's version, each before it one less.
        "drafts": [
            draft(event, source="chat") | {"behind": len(events) - number}
            for number, event in enumerate(events, start=1)
        ],
    }


def _stored(rows: Sequence[dict[str, Any]], new: NewMessage) -> StoredMessage | None:
    if not rows:
        return None
    [row] = rows
    return StoredMessage(
        row["message_id"], row["conversation_id"], new.content, row["created_at"], age_ms=0
    )


_OF_USER = bindparam("of_user", type_=BigInteger)
_OF_CONVERSATION = bindparam("of_conversation", type_=BigInteger)
_MESSAGE_ID = bindparam("message_id", type_=BigInteger)

_UNFINISHED = (
    select(func.count())
    .select_from(reply)
    .where(reply.c.user_id == _OF_USER, UNFINISHED)
    .scalar_subquery()
)
_HAS_ROOM: ColumnElement[bool] = bindparam("most_unfinished", type_=BigInteger) >= _UNFINISHED

_TURN_COLUMNS = (
    conversation.c.user_id,
    conversation.c.id.label("conversation_id"),
    conversation.c.version,
    conversation.c.last_message_id.label("message_id"),
    conversation.c.updated_at.label("created_at"),
)


def _start() -> Statement:
    values: dict[str, ColumnElement[Any]] = {
        "user_id": _OF_USER,
        "title": bindparam("title", type_=Text),
        "folder": bindparam("folder", type_=Text),
        "preview": bindparam("preview", type_=Text),
        "message_count": literal(1),
        "last_message_id": entry_ids.next_value(),
        # Starting the conversation is one change of it, its first message another.
        "version": literal(2),
    }
    row = select(*values.values()).where(_HAS_ROOM)
    turn = (
        insert(conversation)
        .from_select([*values], row)
        .returning(*_TURN_COLUMNS, cast(null(), BigInteger).label("parent_id"))
        .cte("turn")
    )
    return _with_message(turn)


def _continue() -> Statement:
    before = (
        select(conversation.c.id, conversation.c.last_message_id)
        .where(conversation.c.id == _OF_CONVERSATION, conversation.c.user_id == _OF_USER, _HAS_ROOM)
        .with_for_update(key_share=True, of=conversation)
        .cte("before")
    )
    turn = (
        update(conversation)
        .where(conversation.c.id == before.c.id)
        .values(
            preview=bindparam("preview", type_=Text),
            message_count=conversation.c.message_count + 1,
            last_message_id=entry_ids.next_value(),
            updated_at=func.now(),
            version=conversation.c.version + 1,
        )
        .returning(*_TURN_COLUMNS, before.c.last_message_id.label("parent_id"))
        .cte("turn")
    )
    return _with_message(turn)


def _with_message(turn: CTE) -> Statement:
    """The message at its turn, its replies and its events."""
    asked = {
        "id": turn.c.message_id,
        "conversation_id": turn.c.conversation_id,
        "user_id": turn.c.user_id,
        "parent_id": turn.c.parent_id,
        "content": bindparam("content", type_=message.c.content.type),
        "temperature": bindparam("temperature", type_=message.c.temperature.type),
        "max_tokens": bindparam("max_tokens", type_=message.c.max_tokens.type),
    }
    choice = _recordset("choices", *(reply.c[name] for name in _CHOICE_COLUMNS))
    answering = {
        "message_id": turn.c.message_id,
        "conversation_id": turn.c.conversation_id,
        "user_id": turn.c.user_id,
        **{name: choice.c[name] for name in _CHOICE_COLUMNS},
    }
    drafts = _recordset(
        "drafts", column("event_id", UUID), column("event", JSONB), column("behind", BigInteger)
    )
    event = filled_in(
        drafts.c.event,
        {
            "conversation_id": turn.c.conversation_id,
            "message_id": turn.c.message_id,
            "version": turn.c.version - drafts.c.behind,
            "created_at": turn.c.created_at,
        },
        subject=turn.c.conversation_id,
    )
    # Joins on true: a turn there is none of has neither replies nor events.
    told = select(drafts.c.event_id, event).select_from(turn.join(drafts, literal(value=True)))
    replies = select(*answering.values()).select_from(turn.join(choice, literal(value=True)))
    return Statement(
        select(turn)
        .add_cte(insert(message).from_select([*asked], select(*asked.values())).cte("asked"))
        .add_cte(insert(reply).from_select([*answering], replies).cte("answering"))
        .add_cte(insert(outbox).from_select(["event_id", "event"], told).cte("told"))
    )


def _recordset(parameter: str, *columns: Any) -> Any:
    """Rows of a JSON parameter, so that a statement is compiled once for any number of them."""
    return (
        func.jsonb_to_recordset(bindparam(parameter, type_=JSONB))
        .table_valued(*(column(each.name, each.type) for each in columns))
        .render_derived(name=f"given_{parameter}", with_types=True)
    )


_CHOICE_COLUMNS = ("provider", "model", "demo", "position")

_START = _start()
_CONTINUE = _continue()
_COUNT_UNFINISHED = Statement(select(_UNFINISHED.label("unfinished")))
_HAS_CONVERSATION = Statement(
    select(
        exists()
        .where(conversation.c.id == _OF_CONVERSATION, conversation.c.user_id == _OF_USER)
        .label("found")
    )
)

_AGE_MS = func.extract("epoch", func.clock_timestamp() - message.c.created_at) * 1000

_GET = Statement(
    select(
        message.c.id,
        message.c.conversation_id,
        message.c.content,
        message.c.created_at,
        cast(_AGE_MS, BigInteger).label("age_ms"),
    ).where(message.c.id == _MESSAGE_ID, message.c.user_id == _OF_USER)
)

_REPLIES = Statement(
    select(*(reply.c[name] for name in StoredReply.__dataclass_fields__))
    .where(reply.c.message_id == _MESSAGE_ID, reply.c.superseded_by.is_(None))
    .order_by(reply.c.position)
)
