"""SQL of replies: the fenced write that ends them, and reading what they are."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import (
    BigInteger,
    bindparam,
    select,
)

from webox_chat.messages.stored import Once, ProviderChoice
from webox_chat.messages.storing import IN_TURN
from webox_chat.models import reply
from webox_chat.replies.schemas import REPLY_FIELDS, Final, StoredReply
from webox_chat.replies.writing import FINISH, RETRY, RETRY_ONCE
from webox_contracts.events import ProviderCircuitOpened, ReplyFinished, ReplySuperseded
from webox_kit.database import Database
from webox_kit.outbox import draft
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
        [rows] = await self._database.run(FINISH(finals=finals, conversations=conversations))
        return {
            (row["id"], row["attempt"]): (row["created_at"], row["finished_at"]) for row in rows
        }

    async def retry(
        self,
        user_id: int,
        message_id: int,
        choice: ProviderChoice,
        *,
        once: Once | None,
        most_unfinished: int,
    ) -> StoredReply | None:
        """Put a queued reply in the place of a provider's last one, which stays as history.

        None when there is no final one, the user would have too many unfinished ones, or the key of
        `once` has been used.
        """
        event = ReplySuperseded(
            user_id=user_id,
            conversation_id=0,
            message_id=message_id,
            reply_id=0,
            superseded_by=0,
            provider=choice.provider,
        )
        [_, rows] = await self._database.run(
            IN_TURN(of_user=user_id),
            (RETRY if once is None else RETRY_ONCE)(
                of_user=user_id,
                message_id=message_id,
                of_provider=choice.provider,
                model=choice.model,
                demo=choice.demo,
                reserved=choice.reserved,
                most_unfinished=most_unfinished - 1,
                **(asdict(once) if once else {}),
                **draft(event, source="chat"),
            ),
        )
        return StoredReply(**rows[0]) if rows else None

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


def _alarm(final: Final) -> dict[str, Any]:
    """The event that a circuit opened: one for all replies of a user that it cost."""
    circuit = final.opened_circuit
    if circuit is None:
        return {}
    event = ProviderCircuitOpened(
        user_id=final.claim.user_id, provider=circuit.provider, opened_at=circuit.opened_at
    )
    alarm = draft(event, source="chat")["event"]
    said = f"{event.user_id} {event.provider} {event.opened_at.isoformat()}"
    alarm["id"] = str(uuid5(_ALARMS, said))
    return {"alarm_id": alarm["id"], "alarm": alarm}


_ALARMS = UUID("01a2138f-7f52-4d3a-9d0e-6a9f3f1f8c11")


def fallback_of(final: Final) -> dict[str, str] | None:
    return None if final.fallback is None else asdict(final.fallback)


def error_of(final: Final) -> dict[str, Any] | None:
    return {"code": final.error_code, "detail": final.error_detail} if final.error_code else None


def final_row(final: Final, event: ReplyFinished) -> FinalRow:
    """What `finish` takes: a final with its event, whose version it fills in."""
    return {
        "id": final.claim.reply_id,
        "attempt": final.claim.attempt,
        "conversation_id": final.claim.conversation_id,
        **draft(event, source="chat"),
        **_alarm(final),
        "charge": None if final.charge is None else str(final.charge),
        "status": final.status,
        "content": final.content,
        "reasoning": final.reasoning,
        "error": error_of(final),
        "finish_reason": final.finish_reason,
        "truncated": final.truncated,
        "context_cut": final.context_cut,
        "fallback": fallback_of(final),
        "input_tokens": final.input_tokens,
        "output_tokens": final.output_tokens,
        "cost": None if final.cost is None else str(final.cost),
        "time_to_first_token_ms": final.time_to_first_token_ms,
        "total_ms": final.total_ms,
    }
