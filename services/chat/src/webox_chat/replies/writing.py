"""The statements that change replies: end them, put one in another's place, give them up."""

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
    or_,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.sql.selectable import CTE

from webox_chat.conversations.repository import readable
from webox_chat.messages.storing import HAS_ROOM, OF_USER, first_use
from webox_chat.models import (
    conversation,
    entry_ids,
    reply,
    spending,
    usage_ledger,
)
from webox_chat.replies.schemas import REPLY_FIELDS
from webox_kit.event_tables import outbox
from webox_kit.outbox import filled_in
from webox_kit.statements import Statement


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


def settlement(
    finished: FromClause, charge: ColumnElement[Any], charged: FromClause | None = None
) -> CTE:
    """Gives back what was held for replies, and notes `charge`, a column of `charged`, as spent."""
    due = (
        select(
            finished.c.user_id,
            month_of(finished.c.created_at).label("month"),
            func.sum(finished.c.reserved).label("reserved"),
            func.sum(func.coalesce(charge, 0)).label("charge"),
        )
        .select_from(finished if charged is None else charged)
        .where(finished.c.reserved > 0)
        .group_by(finished.c.user_id, text("2"))
        .cte("due")
    )
    # Nothing may be held in this month: for a user without a limit, or when the month began between
    # holding and storing, and what is held in the one before is mended there.
    settling = postgresql.insert(spending).from_select(
        ["user_id", "month", "spent"], select(due.c.user_id, due.c.month, due.c.charge)
    )
    was_held = (
        select(due.c.reserved)
        .where(due.c.user_id == spending.c.user_id, due.c.month == spending.c.month)
        .correlate(spending)
        .scalar_subquery()
    )
    return (
        settling.on_conflict_do_update(
            index_elements=[spending.c.user_id, spending.c.month],
            set_={
                "reserved": func.greatest(spending.c.reserved - was_held, 0),
                "spent": spending.c.spent + settling.excluded.spent,
            },
        )
        .returning(spending.c.user_id)
        .cte("settled")
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
            column("alarm_id", UUID),
            column("alarm", JSONB),
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
    charged = finished.join(
        final, and_(final.c.id == finished.c.id, final.c.attempt == finished.c.attempt)
    )
    settled = settlement(finished, final.c.charge, charged)
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
    event = filled_in(
        final.c.event, {"version": shown.c.version, "finished_at": finished.c.finished_at}
    )
    ours = and_(finished.c.id == final.c.id, finished.c.attempt == final.c.attempt)
    told = (
        select(final.c.event_id, event)
        .join(finished, ours)
        .join(shown, shown.c.id == finished.c.conversation_id)
        .order_by(final.c.id)
    )
    alarm = func.convert_to(cast(final.c.alarm, Text), "UTF8")
    alarmed = select(final.c.alarm_id, alarm).join(finished, ours).where(final.c.alarm.is_not(None))
    telling = postgresql.insert(outbox).from_select(
        ["event_id", "event"], union_all(told.subquery().select(), alarmed)
    )
    return Statement(
        select(finished.c.id, finished.c.attempt, finished.c.created_at, finished.c.finished_at)
        .add_cte(noted_in_ledger)
        .add_cte(settled)
        # A user is told of an open circuit once, however many replies it cost.
        .add_cte(telling.on_conflict_do_nothing().returning(outbox.c.id).cte("telling"))
    )


FINISH = _finish_statement()


def _retry(*, once: bool) -> Statement:
    """Conversations are locked before their replies, as everywhere."""
    last = and_(
        reply.c.message_id == bindparam("message_id", type_=BigInteger),
        reply.c.provider == bindparam("of_provider", type_=Text),
        reply.c.superseded_by.is_(None),
        reply.c.finished_at.is_not(None),
    )
    locked = (
        select(conversation.c.id)
        .join(reply, reply.c.conversation_id == conversation.c.id)
        .where(last, conversation.c.user_id == OF_USER, HAS_ROOM)
        .with_for_update(key_share=True, of=conversation)
        .cte("locked")
    )
    used = first_use(locked, entry_ids.next_value()) if once else None
    before = (
        update(reply)
        .where(
            reply.c.conversation_id == locked.c.id,
            last,
            true() if used is None else used.c.entry_id.is_not(None),
        )
        .values(superseded_by=entry_ids.next_value() if used is None else used.c.entry_id)
        .returning(*reply.c)
        .cte("before")
    )
    values: dict[str, Any] = {
        "id": before.c.superseded_by,
        **{name: before.c[name] for name in _KEPT},
        "model": bindparam("model", type_=Text),
        "demo": bindparam("demo", type_=Boolean),
        "reserved": bindparam("reserved", type_=reply.c.reserved.type),
    }
    again = (
        insert(reply)
        .from_select([*values], select(*values.values()))
        .returning(*(reply.c[name] for name in REPLY_FIELDS))
        .cte("again")
    )
    was_readable = or_(
        before.c.status == "done",
        and_(before.c.status == "cancelled", before.c.content != ""),
    )
    shown = (
        update(conversation)
        .where(conversation.c.id == before.c.conversation_id)
        .values(
            message_count=conversation.c.message_count - cast(was_readable, Integer),
            updated_at=func.now(),
            version=conversation.c.version + 1,
        )
        .returning(conversation.c.id, conversation.c.version)
        .cte("shown")
    )
    event = filled_in(
        bindparam("event", type_=JSONB),
        {
            "version": shown.c.version,
            "conversation_id": shown.c.id,
            "reply_id": before.c.id,
            "superseded_by": before.c.superseded_by,
        },
        subject=shown.c.id,
    )
    changed = before.join(shown, shown.c.id == before.c.conversation_id)
    told = select(bindparam("event_id", type_=UUID), event).select_from(changed)
    return Statement(
        select(again).add_cte(insert(outbox).from_select(["event_id", "event"], told).cte("told"))
    )


_KEPT = ("message_id", "conversation_id", "user_id", "provider", "position")

RETRY = _retry(once=False)
RETRY_ONCE = _retry(once=True)
