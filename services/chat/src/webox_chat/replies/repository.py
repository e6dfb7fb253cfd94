"""SQL of leases: claiming, renewing, and the fenced write that ends a reply."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnClause,
    ColumnElement,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from webox_chat.models import UNFINISHED, conversation, message, reply, usage_ledger
from webox_chat.providers import ChatTurn
from webox_chat.replies.schemas import Claim, Final, Lease, Question
from webox_kit.database import Session

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


class ReplyRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def claim(self, message_id: int, lease: Lease) -> list[Claim]:
        """Take the message's replies that nobody works on; the others stay whose they are."""
        rows = await self._session.execute(
            update(reply)
            .where(
                reply.c.message_id == message_id,
                reply.c.attempt < lease.max_attempts,
                _nobody_works_on_it(),
            )
            .values(
                status="running",
                attempt=reply.c.attempt + 1,
                lease_until=func.clock_timestamp() + lease.duration,
                started_at=func.coalesce(reply.c.started_at, func.clock_timestamp()),
            )
            .returning(*_CLAIM_COLUMNS)
        )
        return [Claim(**row) for row in rows.mappings()]

    async def renew(self, claims: Sequence[Claim], duration: timedelta) -> set[int]:
        """Prolong leases; the reply ids that are still ours."""
        fences = [(claim.reply_id, claim.attempt) for claim in claims]
        renewed = await self._session.scalars(
            update(reply)
            .where(tuple_(reply.c.id, reply.c.attempt).in_(fences), reply.c.status == "running")
            .values(lease_until=func.clock_timestamp() + duration)
            .returning(reply.c.id)
        )
        return set(renewed)

    async def question(self, claims: Sequence[Claim]) -> Question:
        """What to ask: for each provider the user's messages and its own replies."""
        turns = await self._turns(claims[0].message_id)
        answers = await self._answers(
            [turn.id for turn in turns[:-1]], [claim.provider for claim in claims]
        )
        threads = {
            claim.provider: tuple(_thread(turns, answers, claim.provider)) for claim in claims
        }
        return Question(threads, turns[-1].temperature, turns[-1].max_tokens)

    async def lock_conversations(self, conversation_ids: set[int]) -> None:
        """In one order everywhere, and before their replies, so that nobody deadlocks."""
        await self._session.execute(
            select(conversation.c.id)
            .where(conversation.c.id.in_(conversation_ids))
            .order_by(conversation.c.id)
            .with_for_update(key_share=True)
        )

    async def finish(self, finals: Sequence[Final]) -> set[int]:
        """The fenced write; the ids of the replies it took. The others belong to somebody else."""
        rows = [_final_row(final) for final in finals]
        written = await self._session.scalars(_FINISH, {"finals": rows})
        return set(written)

    async def write_ledger(self, finals: Sequence[Final]) -> None:
        await self._session.execute(insert(usage_ledger), [_ledger_row(each) for each in finals])

    async def note_finals(self, readable: dict[int, int]) -> dict[int, int]:
        """Let conversations (by id: how many replies became readable) show it; new versions."""
        counts = case(readable, value=conversation.c.id)
        rows = await self._session.execute(
            update(conversation)
            .where(conversation.c.id.in_(readable))
            .values(
                message_count=conversation.c.message_count + counts,
                updated_at=func.now(),
                version=conversation.c.version + 1,
            )
            .returning(conversation.c.id, conversation.c.version)
        )
        return {row.id: row.version for row in rows}

    async def take_stranded(self, older_than: timedelta, limit: int) -> list[Claim]:
        """Replies queued too long, or whose lease ran out; marked as enqueued again now."""
        stranded = (
            select(reply.c.id)
            .where(
                reply.c.status.in_(UNFINISHED),
                reply.c.enqueued_at < func.clock_timestamp() - older_than,
                _nobody_works_on_it(),
            )
            .order_by(reply.c.enqueued_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = await self._session.execute(
            update(reply)
            .where(reply.c.id.in_(stranded))
            .values(enqueued_at=func.clock_timestamp())
            .returning(*_CLAIM_COLUMNS)
        )
        return [Claim(**row) for row in rows.mappings()]

    async def queue_state(self) -> tuple[int, int, float]:
        """Queued replies, running ones, and the age of the oldest queued one in seconds."""
        age = func.extract("epoch", func.clock_timestamp() - func.min(reply.c.created_at))
        rows = await self._session.execute(
            select(reply.c.status, func.count().label("number"), age.label("age"))
            .where(reply.c.status.in_(UNFINISHED))
            .group_by(reply.c.status)
        )
        by_status = {row.status: row for row in rows}
        queued, running = by_status.get("queued"), by_status.get("running")
        return (
            queued.number if queued else 0,
            running.number if running else 0,
            float(queued.age) if queued else 0.0,
        )

    async def _turns(self, message_id: int) -> list[Any]:
        """The message and its ancestors, oldest first."""
        rows = await self._session.execute(_TURNS, {"message_id": message_id})
        return list(rows.all())

    async def _answers(
        self, message_ids: Sequence[int], providers: Sequence[str]
    ) -> dict[tuple[int, str], str]:
        if not message_ids:
            return {}
        rows = await self._session.execute(
            select(reply.c.message_id, reply.c.provider, reply.c.content).where(
                reply.c.message_id.in_(message_ids),
                reply.c.provider.in_(providers),
                reply.c.superseded_by.is_(None),
                reply.c.status == "done",
                reply.c.content != "",
            )
        )
        return {(row.message_id, row.provider): row.content for row in rows}


def _nobody_works_on_it() -> ColumnElement[bool]:
    return or_(
        reply.c.status == "queued",
        and_(reply.c.status == "running", reply.c.lease_until < func.clock_timestamp()),
    )


def _thread(
    turns: Sequence[Any], answers: dict[tuple[int, str], str], provider: str
) -> list[ChatTurn]:
    thread: list[ChatTurn] = []
    for turn in turns:
        thread.append(ChatTurn("user", turn.content))
        answer = answers.get((turn.id, provider))
        if answer is not None:
            thread.append(ChatTurn("assistant", answer))
    return thread


def _turns_query() -> Select[Any]:
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
    return select(asked).order_by(asked.c.depth.desc())


_TURNS = _turns_query()

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

_FINALS = (
    func.jsonb_to_recordset(bindparam("finals", type_=JSONB))
    .table_valued(column("id", BigInteger), column("attempt", Integer), *_OUTCOME)
    .render_derived(name="final", with_types=True)
)
"""The rows of a batch as one parameter, so that the statement is compiled once."""

_FINISH = (
    update(reply)
    .where(
        reply.c.id == _FINALS.c.id,
        reply.c.attempt == _FINALS.c.attempt,
        reply.c.status == "running",
    )
    .values(
        {each.name: _FINALS.c[each.name] for each in _OUTCOME}
        | {"lease_until": None, "finished_at": func.clock_timestamp()}
    )
    .returning(reply.c.id)
)


def _final_row(final: Final) -> dict[str, Any]:
    error = {"code": final.error_code, "detail": final.error_detail} if final.error_code else None
    return {
        "id": final.claim.reply_id,
        "attempt": final.claim.attempt,
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


def _ledger_row(final: Final) -> dict[str, Any]:
    return {
        "reply_id": final.claim.reply_id,
        "user_id": final.claim.user_id,
        "provider": final.claim.provider,
        "model": final.claim.model,
        "status": final.status,
        "demo": final.claim.demo,
        "attempts": final.claim.attempt,
        "input_tokens": final.input_tokens,
        "output_tokens": final.output_tokens,
        "cost": final.cost,
        "time_to_first_token_ms": final.time_to_first_token_ms,
        "total_ms": final.total_ms,
    }
