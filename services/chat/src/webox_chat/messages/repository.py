"""SQL of sending, and of reading a message with its replies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    Integer,
    SmallInteger,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from webox_chat.models import UNFINISHED, conversation, entry_ids, message, reply
from webox_kit.database import Database
from webox_kit.statements import Flight, Statement


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


class MessageRepository:
    """Hot statements; those that write a turn go into one flight."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start_conversation(
        self, flight: Flight, user_id: int, *, title: str, folder: str, preview: str
    ) -> Turn:
        """A new conversation, and the place of its first message in it."""
        start = _START(of_user=user_id, title=title, folder=folder, preview=preview)
        [[row]] = await flight.read(start)
        return Turn(**row)

    async def continue_conversation(
        self, flight: Flight, user_id: int, conversation_id: int, *, preview: str
    ) -> Turn | None:
        """The place of the next message, with the conversation's row locked until the commit."""
        [rows] = await flight.read(
            _CONTINUE(of_user=user_id, of_conversation=conversation_id, preview=preview)
        )
        return Turn(**rows[0]) if rows else None

    async def add(
        self,
        flight: Flight,
        turn: Turn,
        content: str,
        choices: Sequence[ProviderChoice],
        *,
        temperature: float | None,
        max_tokens: int | None,
    ) -> StoredMessage:
        """Store the message at its place, with a queued reply per provider."""
        await flight.add(
            _ADD(
                message_id=turn.message_id,
                of_conversation=turn.conversation_id,
                of_user=turn.user_id,
                parent=turn.parent_id,
                text=content,
                at_temperature=temperature,
                at_most_tokens=max_tokens,
                choices=[
                    asdict(choice) | {"position": number} for number, choice in enumerate(choices)
                ],
            )
        )
        return StoredMessage(
            turn.message_id, turn.conversation_id, content, turn.created_at, age_ms=0
        )

    async def get(self, user_id: int, message_id: int) -> StoredMessage | None:
        [rows] = await self._database.run(_GET(of_user=user_id, message_id=message_id))
        return StoredMessage(**rows[0]) if rows else None

    async def replies(self, message_id: int) -> list[StoredReply]:
        """The current replies, in the order the providers were named."""
        [rows] = await self._database.run(_REPLIES(message_id=message_id))
        return [StoredReply(**row) for row in rows]


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


_OF_USER = bindparam("of_user", type_=BigInteger)
_OF_CONVERSATION = bindparam("of_conversation", type_=BigInteger)
_MESSAGE_ID = bindparam("message_id", type_=BigInteger)

_UNFINISHED = (
    select(func.count())
    .select_from(reply)
    .where(reply.c.user_id == _OF_USER, UNFINISHED)
    .scalar_subquery()
    .label("unfinished")
)

_START = Statement(
    insert(conversation)
    .values(
        user_id=_OF_USER,
        title=bindparam("title"),
        folder=bindparam("folder"),
        preview=bindparam("preview"),
        message_count=1,
        last_message_id=entry_ids.next_value(),
        version=_VERSION_AFTER_FIRST_MESSAGE,
    )
    .returning(*_TURN_COLUMNS, null().label("parent_id"), _UNFINISHED)
)


def _continue() -> Statement:
    before = (
        select(conversation.c.id, conversation.c.last_message_id)
        .where(conversation.c.id == _OF_CONVERSATION, conversation.c.user_id == _OF_USER)
        .with_for_update(key_share=True)
        .cte("before")
    )
    return Statement(
        update(conversation)
        .where(conversation.c.id == before.c.id)
        .values(
            preview=bindparam("preview"),
            message_count=conversation.c.message_count + 1,
            last_message_id=entry_ids.next_value(),
            updated_at=func.now(),
            version=conversation.c.version + 1,
        )
        .returning(*_TURN_COLUMNS, before.c.last_message_id.label("parent_id"), _UNFINISHED)
    )


_CONTINUE = _continue()


def _add() -> Statement:
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
    placed = {"conversation_id": _OF_CONVERSATION, "user_id": _OF_USER}
    asked = (
        insert(message)
        .values(
            id=_MESSAGE_ID,
            parent_id=bindparam("parent", type_=BigInteger),
            content=bindparam("text", type_=Text),
            temperature=bindparam("at_temperature", type_=Double),
            max_tokens=bindparam("at_most_tokens", type_=Integer),
            **placed,
        )
        .cte("asked")
    )
    columns = {
        "message_id": _MESSAGE_ID,
        **placed,
        "provider": choices.c.provider,
        "model": choices.c.model,
        "demo": choices.c.demo,
        "position": choices.c.position,
    }
    rows = select(*columns.values()).select_from(choices)
    return Statement(insert(reply).from_select([*columns], rows).add_cte(asked))


_ADD = _add()

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
