"""Writes finished replies: those that finish together in one transaction."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from redis.asyncio import Redis

from webox_chat.live.frames import send_finals
from webox_chat.replies.repository import (
    FinalRow,
    ReplyRepository,
    Times,
    error_of,
    fallback_of,
    final_row,
)
from webox_chat.replies.schemas import Claim, Final, StoredReply
from webox_contracts.events import ReplyFinished
from webox_kit import clock
from webox_kit.cancellation import cancel_and_wait
from webox_kit.database import Database
from webox_kit.logs import get_logger
from webox_kit.outages import is_outage

log = get_logger(__name__)

_MOST_TOGETHER = 100
_RETRY_SECONDS = 0.5
# Providers that were asked together often end together: waiting so long for the others of a
# message costs less than a transaction of their own.
_GATHER_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class _Pending:
    """A final, made ready while others of its message are still to come."""

    final: Final
    row: FinalRow
    written: asyncio.Future[bool]


async def write_finals(database: Database, redis: Redis, finals: Sequence[Final]) -> set[int]:
    """End replies, with their ledger rows and events; the ids of those that were still ours."""
    written = await ReplyRepository(database).finish([_row(final) for final in finals])
    await _tell(redis, finals, written)
    return {reply_id for reply_id, _ in written}


class FinalWriter:
    """Collects finals while a transaction is under way, and writes them with the next one."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self._replies = ReplyRepository(database)
        self._redis = redis
        self._waiting: asyncio.Queue[_Pending] = asyncio.Queue()
        self._expected: Counter[int] = Counter()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            await cancel_and_wait(self._task)

    @contextmanager
    def expecting(self, claim: Claim) -> Iterator[None]:
        """Within the block the final of `claim` is still to come."""
        self._expected[claim.message_id] += 1
        try:
            yield
        finally:
            self._expected[claim.message_id] -= 1
            if not self._expected[claim.message_id]:
                del self._expected[claim.message_id]

    async def write(self, final: Final) -> bool:
        """End a reply; False when it was no longer ours, and nothing was written."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        await self._waiting.put(_Pending(final, _row(final), written))
        return await written

    async def _write_for_ever(self) -> None:
        while True:
            await self._write_together(await self._gathered())

    async def _gathered(self) -> list[_Pending]:
        """The finals that are there, once those of their messages are that are about to come."""
        batch = [await self._waiting.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(_GATHER_SECONDS):
                while self._expects_more_of(batch) and len(batch) < _MOST_TOGETHER:
                    batch.append(await self._waiting.get())
        while not self._waiting.empty() and len(batch) < _MOST_TOGETHER:
            batch.append(self._waiting.get_nowait())
        return batch

    def _expects_more_of(self, batch: Sequence[_Pending]) -> bool:
        return any(each.final.claim.message_id in self._expected for each in batch)

    async def _write_together(self, batch: Sequence[_Pending]) -> None:
        try:
            written = await self._retrying([each.row for each in batch])
        except Exception as error:
            if len(batch) > 1:
                for each in batch:
                    await self._write_together([each])
                return
            log.exception("a reply could not be written", reply=batch[0].final.claim.reply_id)
            _set_error(batch[0].written, error)
            return
        await _tell(self._redis, [each.final for each in batch], written)
        for each in batch:
            if not each.written.done():
                each.written.set_result(_key(each.final) in written)

    async def _retrying(self, rows: Sequence[FinalRow]) -> Mapping[tuple[int, int], Times]:
        """While the database is away, the text is kept here and tried again."""
        while True:
            try:
                return await self._replies.finish(rows)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("finals wait for the database", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)


async def _tell(
    redis: Redis, finals: Sequence[Final], written: Mapping[tuple[int, int], Times]
) -> None:
    by_message: dict[int, list[StoredReply]] = defaultdict(list)
    for final in finals:
        times = written.get(_key(final))
        if times is not None:
            by_message[final.claim.message_id].append(_stored(final, *times))
    if by_message:
        await send_finals(redis, by_message)


def _key(final: Final) -> tuple[int, int]:
    return final.claim.reply_id, final.claim.attempt


def _stored(final: Final, created_at: datetime, finished_at: datetime) -> StoredReply:
    """What SQL has of it now."""
    claim = final.claim
    return StoredReply(
        id=claim.reply_id,
        provider=claim.provider,
        model=claim.model,
        position=claim.position,
        status=final.status,
        attempt=claim.attempt,
        content=final.content,
        reasoning=final.reasoning,
        error=error_of(final),
        finish_reason=final.finish_reason,
        truncated=final.truncated,
        context_cut=final.context_cut,
        fallback=fallback_of(final),
        demo=claim.demo,
        input_tokens=final.input_tokens,
        output_tokens=final.output_tokens,
        cost=final.cost,
        time_to_first_token_ms=final.time_to_first_token_ms,
        total_ms=final.total_ms,
        created_at=created_at,
        finished_at=finished_at,
        superseded_by=None,
    )


def _set_error(future: asyncio.Future[bool], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _row(final: Final) -> FinalRow:
    claim = final.claim
    event = ReplyFinished(
        user_id=claim.user_id,
        conversation_id=claim.conversation_id,
        message_id=claim.message_id,
        reply_id=claim.reply_id,
        provider=claim.provider,
        model=claim.model,
        status=final.status,
        error_code=final.error_code,
        demo=claim.demo,
        input_tokens=final.input_tokens,
        output_tokens=final.output_tokens,
        cost=final.cost,
        time_to_first_token_ms=final.time_to_first_token_ms,
        total_ms=final.total_ms,
        finished_at=clock.now(),
    )
    return final_row(final, event)
