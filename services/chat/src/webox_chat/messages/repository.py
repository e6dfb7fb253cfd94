"""SQL of sending, and of reading a message."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, cast, delete, exists, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from webox_chat.messages.stored import (
    Asking,
    MadeBefore,
    NewMessage,
    ProviderChoice,
    Sent,
    StoredMessage,
)
from webox_chat.messages.storing import (
    BRANCH,
    CONTINUE,
    CONTINUE_ONCE,
    LATELY,
    NEXT_IN_TURN,
    OF_CONVERSATION,
    OF_USER,
    START,
    START_ONCE,
    UNFINISHED_REPLIES,
)
from webox_chat.models import conversation, message, reply, sent_request
from webox_contracts.events import EventData
from webox_kit.database import Database
from webox_kit.outbox import draft
from webox_kit.statements import Bound, Foretell, Statement


class MessageRepository:
    """A message is stored, with its replies and events, in one statement.

    Their events are given with any conversation, message, version and time, which it fills in.
    `foretell` is told the message's id while it is being stored, which may fail or be refused.
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
        foretell: Foretell,
    ) -> StoredMessage | None:
        """Store the first message of a new conversation, with a queued reply per provider.

        None when the user would have more than `most_unfinished` unfinished replies, or when the
        key of `once` has been used.
        """
        values = _values(new, most_unfinished, events)
        store = START if new.once is None else START_ONCE
        return await self._store(new, store(title=title, folder=folder, **values), foretell)

    async def continue_conversation(
        self,
        new: NewMessage,
        conversation_id: int,
        *,
        most_unfinished: int,
        events: Sequence[EventData],
        foretell: Foretell,
    ) -> StoredMessage | None:
        """The same for the next message; None also when the user has no such conversation."""
        values = _values(new, most_unfinished, events)
        store = CONTINUE if new.once is None else CONTINUE_ONCE
        return await self._store(new, store(of_conversation=conversation_id, **values), foretell)

    async def branch(
        self,
        new: NewMessage,
        edited_id: int,
        *,
        most_unfinished: int,
        events: Sequence[EventData],
        foretell: Foretell,
    ) -> StoredMessage | None:
        """The same for another message in the place of one of the user's; None without that."""
        values = _values(new, most_unfinished, events)
        return await self._store(new, BRANCH(edited=edited_id, **values), foretell)

    async def made_before(self, user_id: int, key: str) -> MadeBefore | None:
        """What the key was used for lately."""
        [rows] = await self._database.run(_MADE_BEFORE(of_user=user_id, key=key))
        return MadeBefore(**rows[0]) if rows else None

    async def sent(self, user_id: int, message_id: int) -> Sent | None:
        [rows] = await self._database.run(_SENT(of_user=user_id, message_id=message_id))
        if not rows:
            return None
        [row] = rows
        return Sent(
            row["conversation_id"],
            row["content"],
            [ProviderChoice(**each) for each in row["choices"] or ()],
            Asking(row["system"], row["temperature"], row["max_tokens"], row["stop"]),
        )

    async def forget_requests(self) -> None:
        """Those that were made too long ago to be repeated."""
        await self._database.run(_FORGET_REQUESTS())

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

    async def _store(
        self, new: NewMessage, store: Bound, foretell: Foretell
    ) -> StoredMessage | None:
        [_, rows] = await self._database.run(
            NEXT_IN_TURN(of_user=new.user_id), store, foretell=foretell
        )
        if not rows:
            return None
        [row] = rows
        return StoredMessage(
            row["message_id"], row["conversation_id"], new.content, row["created_at"], age_ms=0
        )


def _values(new: NewMessage, most_unfinished: int, events: Sequence[EventData]) -> dict[str, Any]:
    return {
        "of_user": new.user_id,
        "content": new.content,
        "preview": new.preview,
        **vars(new.asking),
        "most_unfinished": most_unfinished - len(new.choices),
        "choices": [
            vars(choice) | {"position": number, "reserved": str(choice.reserved)}
            for number, choice in enumerate(new.choices)
        ],
        # The last of them has the conversation's version, each before it one less.
        "drafts": [
            draft(event, source="chat") | {"behind": len(events) - number}
            for number, event in enumerate(events, start=1)
        ],
    } | (vars(new.once) if new.once else {})


_MESSAGE_ID = bindparam("message_id", type_=BigInteger)

_COUNT_UNFINISHED = Statement(select(UNFINISHED_REPLIES.label("unfinished")))
_HAS_CONVERSATION = Statement(
    select(
        exists()
        .where(conversation.c.id == OF_CONVERSATION, conversation.c.user_id == OF_USER)
        .label("found")
    )
)
_MADE_BEFORE = Statement(
    select(sent_request.c.entry_id, sent_request.c.fingerprint).where(
        sent_request.c.user_id == OF_USER,
        sent_request.c.key == bindparam("key", type_=Text),
        LATELY,
    )
)
_FORGET_REQUESTS = Statement(delete(sent_request).where(~LATELY).returning(sent_request.c.entry_id))

_MINE = (message.c.id == _MESSAGE_ID, message.c.user_id == OF_USER)
_AGE_MS = func.extract("epoch", func.clock_timestamp() - message.c.created_at) * 1000

_GET = Statement(
    select(
        message.c.id,
        message.c.conversation_id,
        message.c.content,
        message.c.created_at,
        cast(_AGE_MS, BigInteger).label("age_ms"),
    ).where(*_MINE)
)


def _sent() -> Statement:
    choice = func.jsonb_build_object(
        "provider", reply.c.provider, "model", reply.c.model, "demo", reply.c.demo
    )
    choices = (
        select(func.jsonb_agg(aggregate_order_by(choice, reply.c.position)))
        .where(reply.c.message_id == message.c.id, reply.c.superseded_by.is_(None))
        .correlate(message)
        .scalar_subquery()
    )
    asking = [message.c[name] for name in Asking.__dataclass_fields__]
    return Statement(
        select(
            message.c.conversation_id, message.c.content, choices.label("choices"), *asking
        ).where(*_MINE)
    )


_SENT = _sent()
