"""SQL of leases: who may write a reply, for how long, and what to ask for it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Interval,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from webox_chat.messages.storing import AFTER_TURN
from webox_chat.models import UNFINISHED, reply
from webox_chat.providers import ChatTurn
from webox_chat.replies.schemas import Claim, Claimed, Lease, Question
from webox_chat.replies.threads import thread_query, turns_of
from webox_kit.database import Database
from webox_kit.statements import Statement

_CLAIM_COLUMNS = (
    reply.c.id.label("reply_id"),
    reply.c.attempt,
    reply.c.message_id,
    reply.c.conversation_id,
    reply.c.user_id,
    reply.c.provider,
    reply.c.model,
    reply.c.position,
    reply.c.demo,
    reply.c.cancel_requested_at.is_not(None).label("cancel_requested"),
    cast(reply.c.reserved, Text).label("reserved"),
)


class LeaseRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, message_id: int, user_id: int, lease: Lease) -> Claimed | None:
        """Take the message's replies that nobody works on; the others stay whose they are.

        None when there are none. Without any, waits for what the user is having stored at this
        moment, which may be the message.
        """
        claim = _CLAIM(
            message_id=message_id, most_attempts=lease.max_attempts, duration=lease.duration
        )
        [[row]] = await self._database.run(claim)
        if row["claims"] is None:
            [_, [row]] = await self._database.run(AFTER_TURN(of_user=user_id), claim)
        if row["claims"] is None:
            return None
        claims = [Claim(**each) for each in row["claims"]]
        said = row["said"]
        threads = {claim.provider: turns_of(said, claim.provider) for claim in claims}
        return Claimed(claims, _question(threads, said[-1]))

    async def renew(self, claims: Sequence[Claim], duration: timedelta) -> dict[int, bool]:
        """Prolong leases; of each reply that is still ours, by id, whether to cancel it."""
        [rows] = await self._database.run(_RENEW(**_fence(claims), duration=duration))
        return {row["id"]: row["cancel_requested"] for row in rows}

    async def hand_back(self, claims: Sequence[Claim], older_than: timedelta) -> None:
        """Let others have what this worker will not end; the reconciler has it worked on at once.

        `older_than` is what it takes for stranded.
        """
        await self._database.run(_HAND_BACK(**_fence(claims), older_than=older_than))

    async def take_stranded(self, older_than: timedelta, limit: int) -> list[Claim]:
        """Replies queued too long, or whose lease ran out; marked as enqueued again now."""
        [rows] = await self._database.run(_TAKE_STRANDED(older_than=older_than, most=limit))
        return [Claim(**row) for row in rows]

    async def request_cancel(
        self, user_id: int, message_id: int, provider: str | None
    ) -> list[int]:
        """Note that unfinished replies of a message, or one of them, are to end; their ids."""
        values = {"of_user": user_id, "message_id": message_id, "of_provider": provider}
        [rows] = await self._database.run(_REQUEST_CANCEL(**values))
        return [row["id"] for row in rows]

    async def take_to_cancel(
        self, ids: Sequence[int], duration: timedelta, *, by_force: bool
    ) -> list[Claim]:
        """Claim unfinished replies in order to end them: those that nobody works on, or all."""
        [rows] = await self._database.run(
            _TAKE_TO_CANCEL(ids=list(ids), duration=duration, by_force=by_force)
        )
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


def _fence(claims: Sequence[Claim]) -> dict[str, list[int]]:
    return {
        "ids": [claim.reply_id for claim in claims],
        "attempts": [claim.attempt for claim in claims],
    }


def _question(threads: dict[str, tuple[ChatTurn, ...]], asked: Any) -> Question:
    return Question(
        threads,
        asked["system"],
        asked["temperature"],
        asked["max_tokens"],
        tuple(asked["stop"] or ()),
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


_FENCE = (
    func.unnest(
        bindparam("ids", type_=ARRAY(BigInteger)), bindparam("attempts", type_=ARRAY(Integer))
    )
    .table_valued("id", "attempt")
    .render_derived(name="fence")
)
_STILL_OURS = and_(
    reply.c.id == _FENCE.c.id,
    reply.c.attempt == _FENCE.c.attempt,
    reply.c.status == "running",
)
_LONG_AGO = func.clock_timestamp() - bindparam("older_than", type_=Interval)

_RENEW = Statement(
    update(reply)
    .where(_STILL_OURS)
    .values(lease_until=func.clock_timestamp() + _DURATION)
    .returning(reply.c.id, reply.c.cancel_requested_at.is_not(None).label("cancel_requested"))
)

_HAND_BACK = Statement(
    update(reply)
    .where(_STILL_OURS)
    .values(status="queued", lease_until=None, enqueued_at=_LONG_AGO)
    .returning(reply.c.id)
)

_REQUEST_CANCEL = Statement(
    update(reply)
    .where(
        reply.c.message_id == bindparam("message_id", type_=BigInteger),
        reply.c.user_id == bindparam("of_user", type_=BigInteger),
        or_(
            bindparam("of_provider", type_=Text).is_(None),
            reply.c.provider == bindparam("of_provider", type_=Text),
        ),
        UNFINISHED,
    )
    .values(cancel_requested_at=func.clock_timestamp())
    .returning(reply.c.id)
)

_TAKE_TO_CANCEL = Statement(
    update(reply)
    .where(
        reply.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
        UNFINISHED,
        or_(bindparam("by_force", type_=Boolean), _nobody_works_on_it()),
    )
    .values(
        status="running",
        attempt=reply.c.attempt + 1,
        lease_until=func.clock_timestamp() + _DURATION,
    )
    .returning(*_CLAIM_COLUMNS)
)


def _take_stranded() -> Statement:
    stranded = (
        select(reply.c.id)
        .where(UNFINISHED, reply.c.enqueued_at < _LONG_AGO, _nobody_works_on_it())
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


def _claim() -> Statement:
    """One row: what was claimed, and what has been said, both as JSON."""
    thread = thread_query(select(_CLAIMED.c.provider)).cte("thread")
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
