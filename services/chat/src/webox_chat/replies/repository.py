"""SQL of replies: the fenced write that ends them, and reading what they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnClause,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Numeric,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from webox_chat.conversations.repository import readable
from webox_chat.models import conversation, reply, spending, usage_ledger
from webox_chat.replies.schemas import REPLY_FIELDS, Final, StoredReply
from webox_contracts.events import ReplyFinished
from webox_kit.database import Database
from webox_kit.event_tables import outbox
from webox_kit.outbox import draft, filled_in
from webox_kit.statements import Statement

FinalRow = dict[str, Any]

Times = tuple[datetime, datetime]
"""When a reply was made and when it ended."""


class ReplyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def finish(self, finals: Sequence[FinalRow]) -> dict[tuple[int, int], Times]:
        """The fenced write: ends replies, with their ledger rows, and lets conversations show it.

        Of those that were still ours, by id and attempt; the others belong to somebody else, and
        nothing is told of them.
        """
        conversations = sorted({final["conversation_id"] for final in finals})
        [rows] = await self._database.run(_FINISH(finals=finals, conversations=conversations))
        return {
            (row["id"], row["attempt"]): (row["created_at"], row["finished_at"]) for row in rows
        }

    async def current(self, message_id: int) -> list[StoredReply]:
        """A message's current replies, in the order the providers were named."""
        [rows] = await self._database.run(_CURRENT(message_id=message_id))
        return [StoredReply(**row) for row in rows]

    async def all_of(self, message_id: int) -> list[StoredReply]:
        """The same with those they came after: for each provider oldest first."""
        [rows] = await self._database.run(_ALL(message_id=message_id))
        return [StoredReply(**row) for row in rows]


_FIELDS = [reply.c[name] for name in REPLY_FIELDS]
_OF_MESSAGE = reply.c.message_id == bindparam("message_id", type_=BigInteger)

_ALL = Statement(select(*_FIELDS).where(_OF_MESSAGE).order_by(reply.c.position, reply.c.id))
_CURRENT = Statement(
    select(*_FIELDS).where(_OF_MESSAGE, reply.c.superseded_by.is_(None)).order_by(reply.c.position)
)


def ledger_row(finished: FromClause) -> dict[str, ColumnElement[Any]]:
    """A final reply's row in the usage ledger: who really answered, and what it took."""
    answered_by = finished.c.fallback
    return {
        "reply_id": finished.c.id,
        "attempts": finished.c.attempt,
        "provider": func.coalesce(answered_by["provider"].astext, finished.c.provider),
        "model": func.coalesce(answered_by["model"].astext, finished.c.model),
        **{name: finished.c[name] for name in _LEDGER_COLUMNS},
    }


_LEDGER_COLUMNS = (
    "user_id",
    "status",
    "demo",
    "input_tokens",
    "output_tokens",
    "cost",
    "time_to_first_token_ms",
    "total_ms",
)


def month_of(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """The first day of a moment's month in UTC, which every connection's time zone is."""
    return cast(func.date_trunc("month", moment), Date)


_OUTCOME: tuple[ColumnClause[Any], ...] = (
    column("status", Text),
    column("content", Text),
    column("reasoning", Text),
    column("error", JSONB(none_as_null=True)),
    column("finish_reason", Text),
    column("truncated", Boolean),
    column("context_cut", Boolean),
    column("fallback", JSONB(none_as_null=True)),
    column("input_tokens", Integer),
    column("output_tokens", Integer),
    column("cost", Numeric(20, 10)),
    column("time_to_first_token_ms", Integer),
    column("total_ms", Integer),
)


def _finish_statement() -> Statement:
    """One statement for a batch of any size, compiled once; its parts run in this order.

    Conversations are locked before their replies and in the order of their ids, as everywhere, so
    that nobody deadlocks.
    """
    locked = (
        select(conversation.c.id)
        .where(conversation.c.id == any_(bindparam("conversations", type_=ARRAY(BigInteger))))
        .order_by(conversation.c.id)
        .with_for_update(key_share=True)
        .cte("locked")
    )
    final = (
        func.jsonb_to_recordset(bindparam("finals", type_=JSONB))
        .table_valued(
            column("id", BigInteger),
            column("attempt", Integer),
            column("event_id", UUID),
            column("event", JSONB),
            column("charge", Numeric(20, 10)),
            *_OUTCOME,
        )
        .render_derived(name="final", with_types=True)
    )
    finished = (
        update(reply)
        .where(
            reply.c.conversation_id == locked.c.id,
            reply.c.id == final.c.id,
            reply.c.attempt == final.c.attempt,
            reply.c.status == "running",
        )
        .values(
            {each.name: final.c[each.name] for each in _OUTCOME}
            | {"lease_until": None, "finished_at": func.clock_timestamp()}
        )
        .returning(*reply.c)
        .cte("finished")
    )
    ledger = ledger_row(finished)
    noted_in_ledger = (
        insert(usage_ledger).from_select([*ledger], select(*ledger.values())).cte("noted_in_ledger")
    )
    due = (
        select(
            finished.c.user_id,
            month_of(finished.c.created_at).label("month"),
            func.sum(finished.c.reserved).label("reserved"),
            func.sum(func.coalesce(final.c.charge, 0)).label("charge"),
        )
        .join(final, and_(final.c.id == finished.c.id, final.c.attempt == finished.c.attempt))
        .where(finished.c.reserved > 0)
        .group_by(finished.c.user_id, "month")
        .cte("due")
    )
    settled = (
        update(spending)
        .where(spending.c.user_id == due.c.user_id, spending.c.month == due.c.month)
        .values(
            reserved=spending.c.reserved - due.c.reserved,
            spent=spending.c.spent + due.c.charge,
        )
        .cte("settled")
    )
    readable_ones = func.count().filter(readable(finished))
    news = (
        select(finished.c.conversation_id, readable_ones.label("readable"))
        .group_by(finished.c.conversation_id)
        .cte("news")
    )
    shown = (
        update(conversation)
        .where(conversation.c.id == news.c.conversation_id)
        .values(
            message_count=conversation.c.message_count + news.c.readable,
            updated_at=func.now(),
            version=conversation.c.version + 1,
        )
        .returning(conversation.c.id, conversation.c.version)
        .cte("shown")
    )
    event = filled_in(final.c.event, {"version": shown.c.version})
    told = (
        select(final.c.event_id, event)
        .join(
            finished,
            and_(finished.c.id == final.c.id, finished.c.attempt == final.c.attempt),
        )
        .join(shown, shown.c.id == finished.c.conversation_id)
        .order_by(final.c.id)
    )
    return Statement(
        select(finished.c.id, finished.c.attempt, finished.c.created_at, finished.c.finished_at)
        .add_cte(noted_in_ledger)
        .add_cte(settled)
        .add_cte(insert(outbox).from_select(["event_id", "event"], told).cte("told"))
    )


_FINISH = _finish_statement()


def error_of(final: Final) -> dict[str, Any] | None:
    return {"code": final.error_code, "detail": final.error_detail} if final.error_code else None


def final_row(final: Final, event: ReplyFinished) -> FinalRow:
    """What `finish` takes: a final with its event, whose version it fills in."""
    return {
        "id": final.claim.reply_id,
        "attempt": final.claim.attempt,
        "conversation_id": final.claim.conversation_id,
        **draft(event, source="chat"),
        "charge": None if final.charge is None else str(final.charge),
        "status": final.status,
        "content": final.content,
        "reasoning": final.reasoning,
        "error": error_of(final),
        "finish_reason": final.finish_reason,
        "truncated": final.truncated,
        "context_cut": final.context_cut,
        "fallback": final.fallback,
        "input_tokens": final.input_tokens,
        "output_tokens": final.output_tokens,
        "cost": None if final.cost is None else str(final.cost),
        "time_to_first_token_ms": final.time_to_first_token_ms,
        "total_ms": final.total_ms,
    }
