"""The dead letters of one service: kept, listed, put back to its consumer, dropped.

A letter that is to be tried again is named on a stream of the service's own, so that whoever
consumes for it takes it like an event, and nobody else does. The letter itself stays where it
is until its event has had its effect: what Redis loses, an operator only has to ask again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from webox_kit.database import Database, Session
from webox_kit.dead_letters import shape_of, type_of
from webox_kit.errors import ConflictError, NotFoundError
from webox_kit.event_tables import dead_letter
from webox_kit.streams import LETTER_FIELD, retry_key

KEPT_PAYLOAD_BYTES = 65_536


@dataclass(frozen=True)
class Letter:
    """A dead letter, without what its event says."""

    id: int
    consumer: str
    stream: str
    entry_id: str
    event_type: str | None
    reason: str
    attempts: int
    shape: str
    created_at: datetime
    is_cut: bool
    """Its payload was larger than what is kept of one: it cannot be tried again."""


class Letters:
    """The letters of the consumer `service`."""

    def __init__(self, database: Database, redis: Redis, service: str) -> None:
        self._database = database
        self._redis = redis
        self._service = service

    async def all(self) -> list[Letter]:
        """Oldest first."""
        async with self._database.transaction() as session:
            found = await session.execute(_LETTERS.order_by(dead_letter.c.id))
            return [_letter(row) for row in found]

    async def some(self, ids: Sequence[int]) -> list[Letter]:
        """These letters.

        Raises:
            NotFoundError: one of them is not there.
        """
        found = [each for each in await self.all() if each.id in ids]
        if missing := set(ids) - {each.id for each in found}:
            raise NotFoundError(f"{self._service} has no dead letter {min(missing)}.")
        return found

    async def attempts(self, ids: Sequence[int]) -> dict[int, int]:
        """How often each of those that are still there has been tried."""
        async with self._database.transaction() as session:
            found = await session.execute(
                select(dead_letter.c.id, dead_letter.c.attempts).where(dead_letter.c.id.in_(ids))
            )
            return {row.id: row.attempts for row in found}

    async def put_back(self, letters: Sequence[Letter]) -> None:
        """Have the consumer try these again, once it is there.

        Raises:
            ConflictError: a letter's payload was not kept whole.
        """
        for letter in letters:
            if letter.is_cut:
                raise ConflictError(
                    f"The event of dead letter {letter.id} was larger than what is kept of one, so "
                    "it cannot be tried again: drop it."
                )
        for letter in letters:
            await self._redis.xadd(retry_key(self._service), {LETTER_FIELD: str(letter.id)})

    async def drop(self, ids: Sequence[int]) -> int:
        """Forget these for good; how many there were."""
        async with self._database.transaction() as session:
            dropped = await session.execute(delete(dead_letter).where(dead_letter.c.id.in_(ids)))
            return dropped.rowcount


async def add_letter(
    session: Session,
    *,
    service: str,
    stream: str,
    entry_id: str,
    payload: bytes,
    reason: str,
    attempts: int,
) -> bool:
    """False if it is there already: read again after an outage or a restart."""
    row = {
        "consumer": service,
        "stream": stream,
        "entry_id": entry_id,
        "event_type": type_of(payload),
        "reason": reason,
        "attempts": attempts,
        "shape": shape_of(payload),
        "payload": payload[:KEPT_PAYLOAD_BYTES],
    }
    inserted = await session.scalar(
        insert(dead_letter).values(row).on_conflict_do_nothing().returning(dead_letter.c.id)
    )
    return inserted is not None


async def payload_of(session: Session, letter_id: int) -> bytes | None:
    """A letter's payload; None when the letter is gone."""
    payload: bytes | None = await session.scalar(
        select(dead_letter.c.payload).where(dead_letter.c.id == letter_id)
    )
    return payload


async def take_letter(session: Session, letter_id: int) -> bool:
    """Remove a letter in the transaction of its effect; False when somebody has dropped it."""
    taken = await session.scalar(
        delete(dead_letter).where(dead_letter.c.id == letter_id).returning(dead_letter.c.id)
    )
    return taken is not None


async def note_failure(session: Session, letter_id: int, *, reason: str, attempts: int) -> None:
    """A letter failed again, after so many more attempts."""
    await session.execute(
        update(dead_letter)
        .where(dead_letter.c.id == letter_id)
        .values(reason=reason, attempts=dead_letter.c.attempts + attempts)
    )


async def count_letters(session: Session) -> int:
    return int(await session.scalar(select(func.count()).select_from(dead_letter)) or 0)


_LETTERS = select(
    *(column for column in dead_letter.c if column.name != "payload"),
    (func.octet_length(dead_letter.c.payload) >= KEPT_PAYLOAD_BYTES).label("is_cut"),
)


def _letter(row: Row[*tuple[Any, ...]]) -> Letter:
    return Letter(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
