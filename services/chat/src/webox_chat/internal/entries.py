"""A conversation for those who copy it: all that is kept of its messages and replies, in pages.

PostgreSQL writes an entry as JSON, and that is what is answered: a message through Python and its
models takes several times what rendering it does.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    SmallInteger,
    Text,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from webox_chat.conversations.repository import Position, readable
from webox_chat.models import message, reply
from webox_kit.statements import Row, Statement

FIRST: Position = (0, 0, 0)
"""Before every entry."""

_PAGE_BYTES = 4 * 1024 * 1024
"""A page ends with the entry that reaches this: 500 replies of 1 MB would fill a process."""

_OF_MESSAGES = ("system", "temperature", "max_tokens", "stop")
_OF_REPLIES = (
    "provider",
    "model",
    "position",
    "attempt",
    "superseded_by",
    "error",
    "finish_reason",
    "fallback",
    "input_tokens",
    "output_tokens",
    "cost",
    "time_to_first_token_ms",
    "total_ms",
    "started_at",
    "finished_at",
)
_MARKS = ("demo", "truncated", "context_cut")
_OF_ALL = ("id", "role", "parent_id", "content", "created_at", "status", "reasoning")


def position_of(row: Row) -> Position:
    return row["turn"], row["place"], row["id"]


def entry_list(rows: Sequence[Row], next_cursor: str | None) -> str:
    """Messages and replies of one conversation, turn by turn, the oldest first, as JSON.

    Moments are to the microsecond, costs decimals as text. Of a message, `parent_id` is the reply
    or message that it follows; of a reply, what it answers.
    """
    following = "null" if next_cursor is None else f'"{next_cursor}"'
    return f'{{"messages":[{",".join(row["entry"] for row in rows)}],"next_cursor":{following}}}'


def _asked() -> Select[tuple[object, ...]]:
    """The messages after a turn. Its own message is its first entry, and so was there before."""
    return (
        select(
            message.c.id,
            message.c.id.label("turn"),
            literal(-1).label("place"),
            literal("user").label("role"),
            message.c.parent_id,
            message.c.content,
            message.c.created_at,
            literal("done").label("status"),
            *(message.c[name] for name in _OF_MESSAGES),
            null().label("reasoning"),
            *(cast(null(), reply.c[name].type).label(name) for name in _OF_REPLIES),
            *(literal(value=False).label(name) for name in _MARKS),
        )
        .where(
            message.c.conversation_id == bindparam("of", type_=BigInteger),
            message.c.id > bindparam("turn", type_=BigInteger),
        )
        .order_by(message.c.id)
        .limit(bindparam("most", type_=Integer))
    )


def _answered(which: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    place = (reply.c.message_id, reply.c.position, reply.c.id)
    after = tuple_(
        bindparam("turn", type_=BigInteger),
        bindparam("place", type_=SmallInteger),
        bindparam("entry_id", type_=BigInteger),
    )
    return (
        select(
            reply.c.id,
            reply.c.message_id.label("turn"),
            reply.c.position.label("place"),
            literal("assistant").label("role"),
            reply.c.message_id.label("parent_id"),
            reply.c.content,
            reply.c.created_at,
            reply.c.status,
            *(cast(null(), message.c[name].type).label(name) for name in _OF_MESSAGES),
            func.nullif(reply.c.reasoning, "").label("reasoning"),
            *(reply.c[name] for name in _OF_REPLIES),
            *(reply.c[name] for name in _MARKS),
        )
        .where(
            reply.c.conversation_id == bindparam("of", type_=BigInteger),
            tuple_(*place) > after,
            which,
        )
        .order_by(*place)
        .limit(bindparam("most", type_=Integer))
    )


def _entries(which: ColumnElement[bool]) -> Statement:
    """Both in order; each branch is read from its index, and no further than the page."""
    found = union_all(_asked().subquery().select(), _answered(which).subquery().select()).subquery()
    order = (found.c.turn, found.c.place, found.c.id)
    page = select(found).order_by(*order).limit(bindparam("most", type_=Integer)).subquery()
    size = func.octet_length(page.c.content) + func.coalesce(func.octet_length(page.c.reasoning), 0)
    order = (page.c.turn, page.c.place, page.c.id)
    sized = select(
        page,
        (func.sum(size).over(order_by=order) - size).label("bytes_before"),
        func.count().over().label("there"),
    ).subquery()
    order = (sized.c.turn, sized.c.place, sized.c.id)
    return Statement(
        select(*order, sized.c.there, cast(_as_json(sized.c), Text).label("entry"))
        .where(sized.c.bytes_before < _PAGE_BYTES)
        .order_by(*order)
    )


def _as_json(columns: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[Any]:
    exact = {"cost": cast(columns.cost, Text)}
    names = (*_OF_ALL, *_OF_MESSAGES, *_OF_REPLIES, *_MARKS)
    pairs = ((literal(name), exact.get(name, columns[name])) for name in names)
    return func.json_build_object(*chain.from_iterable(pairs))


READABLE_ENTRIES = _entries(readable())
WHOLE_ENTRIES = _entries(true())
