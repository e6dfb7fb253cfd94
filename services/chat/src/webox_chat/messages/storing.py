"""The statements that store a message with its replies and events, each in one flight."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Interval,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.sql.selectable import CTE

from webox_chat.limits import REPEATABLE_FOR
from webox_chat.messages.stored import Asking
from webox_chat.models import UNFINISHED, conversation, entry_ids, message, reply, sent_request
from webox_kit.event_tables import outbox
from webox_kit.outbox import filled_in
from webox_kit.statements import Statement

OF_USER = bindparam("of_user", type_=BigInteger)
OF_CONVERSATION = bindparam("of_conversation", type_=BigInteger)

UNFINISHED_REPLIES = (
    select(func.count())
    .select_from(reply)
    .where(reply.c.user_id == OF_USER, UNFINISHED)
    .scalar_subquery()
)
LATELY = sent_request.c.created_at > func.now() - literal(REPEATABLE_FOR, Interval)
# In the flight of whatever adds unfinished replies, before it: two of one user's at once would both
# find room for the last ones.
IN_TURN = Statement(select(func.pg_advisory_xact_lock(OF_USER).label("locked")))
# The same, with the id of the message that is about to be stored: of one user's, in their order.
NEXT_IN_TURN = Statement(
    select(entry_ids.next_value().label("entry_id")).where(
        cast(func.pg_advisory_xact_lock(OF_USER), Text).is_not(None)
    )
)
# And for who must not look before all that has its turn now is stored.
AFTER_TURN = Statement(select(func.pg_advisory_xact_lock_shared(OF_USER).label("locked")))
# What the sequence gave to this connection, for the statement that follows `NEXT_IN_TURN`.
_ENTRY_ID: ColumnElement[int] = literal_column(f"currval('{entry_ids.name}')", BigInteger)
HAS_ROOM: ColumnElement[bool] = bindparam("most_unfinished", type_=BigInteger) >= UNFINISHED_REPLIES

_TURN_COLUMNS = (
    conversation.c.user_id,
    conversation.c.id.label("conversation_id"),
    conversation.c.version,
    conversation.c.last_message_id.label("message_id"),
    conversation.c.updated_at.label("created_at"),
)


def _start(*, once: bool) -> Statement:
    used = first_use(None, _ENTRY_ID) if once else None
    values: dict[str, ColumnElement[Any]] = {
        "user_id": OF_USER,
        "title": bindparam("title", type_=Text),
        "folder": bindparam("folder", type_=Text),
        "preview": bindparam("preview", type_=Text),
        "message_count": literal(1),
        "last_message_id": _ENTRY_ID if used is None else used.c.entry_id,
        # Starting the conversation is one change of it, its first message another.
        "version": literal(2),
    }
    row = select(*values.values()).where(HAS_ROOM)
    turn = (
        insert(conversation)
        .from_select([*values], row)
        .returning(*_TURN_COLUMNS, cast(null(), BigInteger).label("parent_id"))
        .cte("turn")
    )
    return _with_message(turn)


def _continue(*, once: bool) -> Statement:
    before = (
        select(conversation.c.id, conversation.c.last_message_id.label("parent_id"))
        .where(conversation.c.id == OF_CONVERSATION, conversation.c.user_id == OF_USER, HAS_ROOM)
        .with_for_update(key_share=True, of=conversation)
        .cte("before")
    )
    return _with_message(_next_turn(before, first_use(before, _ENTRY_ID) if once else None))


def _branch() -> Statement:
    before = (
        select(conversation.c.id, message.c.parent_id)
        .join(message, message.c.conversation_id == conversation.c.id)
        .where(
            message.c.id == bindparam("edited", type_=BigInteger),
            message.c.user_id == OF_USER,
            HAS_ROOM,
        )
        .with_for_update(key_share=True, of=conversation)
        .cte("before")
    )
    return _with_message(_next_turn(before, None))


def _next_turn(before: CTE, used: CTE | None) -> CTE:
    turn = update(conversation).where(conversation.c.id == before.c.id)
    if used is not None:
        turn = turn.where(used.c.entry_id.is_not(None))
    return (
        turn.values(
            preview=bindparam("preview", type_=Text),
            message_count=conversation.c.message_count + 1,
            last_message_id=_ENTRY_ID if used is None else used.c.entry_id,
            updated_at=func.now(),
            version=conversation.c.version + 1,
        )
        .returning(*_TURN_COLUMNS, before.c.parent_id)
        .cte("turn")
    )


def first_use(before: CTE | None, entry_id: ColumnElement[int]) -> CTE:
    """One row, with the id of what is made, if the key was not used lately: then it is used now.

    Of several at once the first wins, and the others wait for it and get no row.
    """
    values: dict[str, ColumnElement[Any]] = {
        "user_id": OF_USER,
        "key": bindparam("key", type_=Text),
        "fingerprint": bindparam("fingerprint", type_=Text),
        "entry_id": entry_id,
    }
    row = select(*values.values()).where(HAS_ROOM)
    if before is not None:
        row = row.where(before.c.id.is_not(None))
    using = postgresql.insert(sent_request).from_select([*values], row)
    return (
        using.on_conflict_do_update(
            index_elements=[sent_request.c.user_id, sent_request.c.key],
            set_={
                "fingerprint": using.excluded.fingerprint,
                "entry_id": using.excluded.entry_id,
                "created_at": func.now(),
            },
            where=~LATELY,
        )
        .returning(sent_request.c.entry_id)
        .cte("used")
    )


def _with_message(turn: CTE) -> Statement:
    """The message at its turn, its replies and its events."""
    asked = {
        "id": turn.c.message_id,
        "conversation_id": turn.c.conversation_id,
        "user_id": turn.c.user_id,
        "parent_id": turn.c.parent_id,
        "content": bindparam("content", type_=message.c.content.type),
        **{
            name: bindparam(name, type_=message.c[name].type)
            for name in Asking.__dataclass_fields__
        },
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


_CHOICE_COLUMNS = ("provider", "model", "demo", "position", "reserved")

START = _start(once=False)
START_ONCE = _start(once=True)
CONTINUE = _continue(once=False)
CONTINUE_ONCE = _continue(once=True)
BRANCH = _branch()
