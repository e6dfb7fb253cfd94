"""SQL of leases: claiming, renewing, and the fenced write that ends a reply."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnClause,
    ColumnElement,
    CompoundSelect,
    Integer,
    Interval,
    Numeric,
    Text,
    and_,
    any_,
    bindparam,
    column,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID, aggregate_order_by

from webox_chat.conversations.repository import readable
from webox_chat.models import UNFINISHED, conversation, message, reply, usage_ledger
from webox_chat.providers import ChatTurn
from webox_chat.replies.schemas import Claim, Claimed, Final, Lease, Question
from webox_contracts.events import ReplyFinished
from webox_kit.database import Database
from webox_kit.event_tables import outbox
from webox_kit.outbox import draft, filled_in
from webox_kit.statements import Statement

_THREAD_TURNS = 200
"""A thread goes back at most so many questions."""

_CLAIM_COLUMNS = (
    reply.c.id.label("reply_id"),
    reply.c.attempt,
    reply.c.message_id,
    reply.c.conversation_id,
    reply.c.user_id,
    reply.c.provider,
    reply.c.model,
    reply.c.demo,
)


FinalRow = dict[str, Any]


class ReplyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, message_id: int, lease: Lease) -> Claimed | None:
        """Take the message's replies that nobody works on; the others stay whose they are.

        None when there are none.
        """
        [[row]] = await self._database.run(
            _CLAIM(message_id=message_id, most_attempts=lease.max_attempts, duration=lease.duration)
        )
        if row["claims"] is None:
            return None
        claims = [Claim(**each) for each in row["claims"]]
        said = row["said"]
        threads = {claim.provider: _thread(said, claim.provider) for claim in claims}
        asked = said[-1]
        return Claimed(claims, Question(threads, asked["temperature"], asked["max_tokens"]))

    async def renew(self, claims: Sequence[Claim], duration: timedelta) -> set[int]:
        """Prolong leases; the reply ids that are still ours."""
        [rows] = await self._database.run(
            _RENEW(
                ids=[claim.reply_id for claim in claims],
                attempts=[claim.attempt for claim in claims],
                duration=duration,
            )
        )
        return {row["id"] for row in rows}

    async def finish(self, finals: Sequence[FinalRow]) -> set[tuple[int, int]]:
        """The fenced write: ends replies, with their ledger rows, and lets conversations show it.

        The ids and attempts of those that were still ours; the others belong to somebody else,
        and nothing is told of them.
        """
        conversations = sorted({final["conversation_id"] for final in finals})
        [rows] = await self._database.run(_FINISH(finals=finals, conversations=conversations))
        return {(row["id"], row["attempt"]) for row in rows}

    async def take_stranded(self, older_than: timedelta, limit: int) -> list[Claim]:
        """Replies queued too long, or whose lease ran out; marked as enqueued again now."""
        [rows] = await self._database.run(_TAKE_STRANDED(older_than=older_than, most=limit))
        return [Claim(**row) for row in rows]

    async def queue_state(self) -> tuple[int, int, float]:
        """Queued replies, running ones, and the age of the oldest queued one in seconds."""
        [rows] = await self._database.run(_QUEUE_STATE())
        by_status = {row["status"]: row for row in rows}
        queued, running = by_status.get("queued"), by_status.get("running")
        return (
            queued["number"] if queued else 0,
            running["number"] if running else 0,
            float(queued["age"]) if queued else 0.0,
        )


def _nobody_works_on_it() -> ColumnElement[bool]:
    return or_(
        reply.c.status == "queued",
        and_(reply.c.status == "running", reply.c.lease_until < func.clock_timestamp()),
    )


_DURATION = bindparam("duration", type_=Interval)

_CLAIMED = (
    update(reply)
    .where(
        reply.c.message_id == bindparam("message_id", type_=BigInteger),
        reply.c.attempt < bindparam("most_attempts"),
        _nobody_works_on_it(),
    )
    .values(
        status="running",
        attempt=reply.c.attempt + 1,
        lease_until=func.clock_timestamp() + _DURATION,
        started_at=func.coalesce(reply.c.started_at, func.clock_timestamp()),
    )
    .returning(*_CLAIM_COLUMNS)
    .cte("claimed")
)


def _renew() -> Statement:
    fence = (
        func.unnest(
            bindparam("ids", type_=ARRAY(BigInteger)), bindparam("attempts", type_=ARRAY(Integer))
        )
        .table_valued("id", "attempt")
        .render_derived(name="fence")
    )
    return Statement(
        update(reply)
        .where(
            reply.c.id == fence.c.id,
            reply.c.attempt == fence.c.attempt,
            reply.c.status == "running",
        )
        .values(lease_until=func.clock_timestamp() + _DURATION)
        .returning(reply.c.id)
    )


_RENEW = _renew()


def _take_stranded() -> Statement:
    older = func.clock_timestamp() - bindparam("older_than", type_=Interval)
    stranded = (
        select(reply.c.id)
        .where(UNFINISHED, reply.c.enqueued_at < older, _nobody_works_on_it())
        .order_by(reply.c.enqueued_at)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
    )
    return Statement(
        update(reply)
        .where(reply.c.id.in_(stranded))
        .values(enqueued_at=func.clock_timestamp())
        .returning(*_CLAIM_COLUMNS)
    )


_TAKE_STRANDED = _take_stranded()

_QUEUE_STATE = Statement(
    select(
        reply.c.status,
        func.count().label("number"),
        func.extract("epoch", func.clock_timestamp() - func.min(reply.c.created_at)).label("age"),
    )
    .where(UNFINISHED)
    .group_by(reply.c.status)
)


def _thread(said: Sequence[dict[str, Any]], provider: str) -> tuple[ChatTurn, ...]:
    return tuple(
        ChatTurn("user" if each["provider"] is None else "assistant", each["content"])
        for each in said
        if each["provider"] in (None, provider)
    )


def _thread_query() -> CompoundSelect[Any]:
    """The message and its ancestors with their answers, in the order they were said."""
    asked = (
        select(*message.c, literal(0).label("depth"))
        .where(message.c.id == bindparam("message_id"))
        .cte("asked", recursive=True)
    )
    before = message.alias("before")
    asked = asked.union_all(
        select(*before.c, asked.c.depth + 1)
        .join(asked, before.c.id == asked.c.parent_id)
        .where(asked.c.depth < _THREAD_TURNS)
    )
    questions = select(
        asked.c.depth,
        literal(0).label("place"),
        null().label("provider"),
        asked.c.content,
        asked.c.temperature,
        asked.c.max_tokens,
    )
    # The offset keeps PostgreSQL from turning the join around, and going through all replies.
    answer = (
        select(reply.c.provider, reply.c.content)
        .where(
            reply.c.message_id == asked.c.id,
            reply.c.provider.in_(select(_CLAIMED.c.provider)),
            reply.c.superseded_by.is_(None),
            reply.c.status == "done",
            reply.c.content != "",
        )
        .offset(literal_column("0"))
        .lateral("answer")
    )
    answers = (
        select(
            asked.c.depth,
            literal(1).label("place"),
            answer.c.provider,
            answer.c.content,
            null().label("temperature"),
            null().label("max_tokens"),
        )
        .join(answer, true())
        .where(asked.c.depth > 0)
    )
    return union_all(questions, answers)


def _claim() -> Statement:
    """One row: what was claimed, and what has been said, both as JSON."""
    thread = _thread_query().cte("thread")
    order = aggregate_order_by(
        func.to_jsonb(thread.table_valued()), thread.c.depth.desc(), thread.c.place
    )
    return Statement(
        select(
            select(func.jsonb_agg(func.to_jsonb(_CLAIMED.table_valued())))
            .select_from(_CLAIMED)
            .scalar_subquery()
            .label("claims"),
            select(func.jsonb_agg(order)).select_from(thread).scalar_subquery().label("said"),
        )
    )


_CLAIM = _claim()

_OUTCOME: tuple[ColumnClause[Any], ...] = (
    column("status", Text),
    column("content", Text),
    column("error", JSONB(none_as_null=True)),
    column("finish_reason", Text),
    column("truncated", Boolean),
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
    ledger = {"reply_id": finished.c.id, "attempts": finished.c.attempt} | {
        name: finished.c[name] for name in _LEDGER_COLUMNS
    }
    noted_in_ledger = (
        insert(usage_ledger).from_select([*ledger], select(*ledger.values())).cte("noted_in_ledger")
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
        select(finished.c.id, finished.c.attempt)
        .add_cte(noted_in_ledger)
        .add_cte(insert(outbox).from_select(["event_id", "event"], told).cte("told"))
    )


_LEDGER_COLUMNS = (
    "user_id",
    "provider",
    "model",
    "status",
    "demo",
    "input_tokens",
    "output_tokens",
    "cost",
    "time_to_first_token_ms",
    "total_ms",
)

_FINISH = _finish_statement()


def final_row(final: Final, event: ReplyFinished) -> FinalRow:
    """What `finish` takes: a final with its event, whose version it fills in."""
    error = {"code": final.error_code, "detail": final.error_detail} if final.error_code else None
    return {
        "id": final.claim.reply_id,
        "attempt": final.claim.attempt,
        "conversation_id": final.claim.conversation_id,
        **draft(event, source="chat"),
        "status": final.status,
        "content": final.content,
        "error": error,
        "finish_reason": final.finish_reason,
        "truncated": final.truncated,
        "input_tokens": final.input_tokens,
        "output_tokens": final.output_tokens,
        "cost": None if final.cost is None else str(final.cost),
        "time_to_first_token_ms": final.time_to_first_token_ms,
        "total_ms": final.total_ms,
    }
