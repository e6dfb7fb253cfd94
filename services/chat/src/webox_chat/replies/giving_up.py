"""Ending the replies of what is being deleted."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from sqlalchemy import func, insert, select, update

from webox_chat.live.frames import WorkerCall, call_workers, send_changed
from webox_chat.models import UNFINISHED, reply, usage_ledger
from webox_chat.replies.writing import ledger_row, settlement
from webox_kit.database import Session


@dataclass(frozen=True)
class GivenUp:
    """A reply that nobody is to make any more."""

    reply_id: int
    message_id: int


async def give_up(session: Session, conversation_id: int) -> list[GivenUp]:
    """Cancel a conversation's unfinished replies; the ledger has them, their texts are lost."""
    ended = (
        update(reply)
        .where(reply.c.conversation_id == conversation_id, UNFINISHED)
        .values(
            status="cancelled",
            attempt=reply.c.attempt + 1,
            lease_until=None,
            finished_at=func.clock_timestamp(),
        )
        .returning(*reply.c)
        .cte("ended")
    )
    ledger = ledger_row(ended)
    noted = insert(usage_ledger).from_select([*ledger], select(*ledger.values())).cte("noted")
    # What they did cost is not known any more: what was held for them counts.
    settled = settlement(ended, ended.c.reserved)
    rows = await session.execute(select(ended.c.id, ended.c.message_id).add_cte(noted, settled))
    return [GivenUp(row.id, row.message_id) for row in rows]


async def tell_given_up(redis: Redis, given_up: Sequence[GivenUp]) -> None:
    """After the commit: workers stop asking, and who watches is told."""
    if not given_up:
        return
    await call_workers(redis, WorkerCall(cancel=tuple(each.reply_id for each in given_up)))
    await send_changed(redis, *{each.message_id for each in given_up})
