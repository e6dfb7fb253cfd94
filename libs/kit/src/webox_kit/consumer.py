"""Takes events from streams into a service: each one has its effect exactly once.

The inbox row commits with the effect, so that an event that comes again is dropped. One process
consumes for a service at a time (a duty), under a stable consumer name, so that what a killed
one left pending is simply read again first: no claiming between consumers is needed. (ids that
are gone from the stream come back empty: they are acknowledged and counted. The relay has seen
it, and publishes them again or says that nobody has them any more.)
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from sqlalchemy import delete, func, text
from sqlalchemy.exc import SQLAlchemyError

from webox_contracts.events import Event, EventData, UnknownEventError
from webox_kit.context import RequestContext, enter_request
from webox_kit.database import Database, Session
from webox_kit.dead_letters import reason_of
from webox_kit.event_tables import inbox
from webox_kit.letters import add_letter, note_failure, payload_of, take_letter
from webox_kit.logs import get_logger
from webox_kit.metrics import CONSUMED, DEAD_LETTERS, GAPS
from webox_kit.outages import is_outage
from webox_kit.streams import (
    EVENT_FIELD,
    GAP_FIELD,
    LETTER_FIELD,
    dead_letter_key,
    retry_key,
    stream_key,
)

log = get_logger(__name__)

MAX_ATTEMPTS = 5
MAX_DEAD_IN_A_ROW = 20
_BATCH = 500
_BLOCK_MS = 1000
_FIRST_RETRY_SECONDS = 0.1
_OUTAGE_SECONDS = 1.0
_LARGEST_EVENT_BYTES = 1_048_576
_FORGET_EVERY_SECONDS = 600.0
# Past the block's own time nothing but a connection that died silently keeps an answer back.
_ANSWER_SECONDS = 5.0
_CONSUMER_NAME = "one"


@dataclass(frozen=True)
class ReceivedEvent:
    """An event with its envelope and its data, parsed."""

    envelope: Event
    data: EventData


BatchHandler = Callable[[Session, Sequence[ReceivedEvent]], Awaitable[None]]
"""Applies new events, in stream order, in the transaction of the session."""

EventHandler = Callable[[Session, Any, Event], Awaitable[None]]
"""Applies one event: `(session, data, envelope)`."""

RebuildRequest = Callable[[Session], Awaitable[object]]
"""Asks for the service's read models to be made anew from their sources, not from events."""


def by_type(handlers: Mapping[type[EventData], EventHandler]) -> BatchHandler:
    """A batch handler that gives each event to its type's handler, and skips other types."""

    async def handle(session: Session, events: Sequence[ReceivedEvent]) -> None:
        for event in events:
            handler = handlers.get(type(event.data))
            if handler is not None:
                await handler(session, event.data, event.envelope)

    return handle


class EventTooLargeError(Exception):
    """An event larger than any of ours."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes, more than {_LARGEST_EVENT_BYTES}")


class ConsumerStoppedError(Exception):
    """So many events failed in a row that the fault is ours: stop instead of draining them."""


_MALFORMED = (ValidationError, UnknownEventError, EventTooLargeError)
"""What trying again at once cannot change, so that nobody waits for it."""

_Answer = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]
"""What XREADGROUP answers, by redis-py, over RESP2 and RESP3 alike."""


@dataclass(frozen=True)
class _Entry:
    stream: str
    id: bytes
    payload: bytes
    gone: bool = False
    """Trimmed from the stream before we read it."""

    letter: int | None = None
    """The dead letter that it asks to try again; it has no payload of its own then."""

    gap_of: bytes | None = None
    """The group that it says has lost events for good; it is no event itself then."""


class Consumer:
    """Consumes `streams` (service names) for `service`, which is also the group's name."""

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        service: str,
        streams: Sequence[str],
        handle: BatchHandler,
        types: Collection[type[EventData]] | None = None,
        gather_seconds: float = 0,
        ask_for_rebuild: RebuildRequest | None = None,
        inbox_kept: timedelta = timedelta(days=8),
    ) -> None:
        """Only events of `types` are handled and kept in the inbox; None means all.

        After a batch that was not full, the consumer lets events gather for `gather_seconds`
        before it reads again: the first one is not held up, those that follow share a batch.
        `ask_for_rebuild` is called when events were lost that cannot be published again.
        """
        self._database = database
        self._redis = redis
        self._service = service
        self._retries = retry_key(service)
        self._streams = [*map(stream_key, streams), self._retries]
        self._handle = handle
        self._types = None if types is None else frozenset(types)
        self._gather_seconds = gather_seconds
        self._ask_for_rebuild = ask_for_rebuild
        self._inbox_kept = inbox_kept
        self._dead_in_a_row: set[tuple[str, bytes]] = set()

    async def run(self) -> None:
        """Consume until cancelled. An outage of Redis or PostgreSQL is waited out.

        Raises:
            ConsumerStoppedError: twenty events in a row failed for good.
        """
        forgetting = asyncio.create_task(self._forget_for_ever())
        try:
            while True:
                try:
                    await self._create_groups()
                    await self._read_backlog()
                    await self._read_new()
                except Exception as error:
                    if not is_outage(error):
                        raise
                    log.warning("consumer waits", error=type(error).__name__)
                    await asyncio.sleep(_OUTAGE_SECONDS)
        finally:
            forgetting.cancel()

    async def _create_groups(self) -> None:
        for stream in self._streams:
            try:
                # From 0, never `$`: a group that had to be made again must miss nothing.
                async with _answered():
                    await self._redis.xgroup_create(stream, self._service, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def _read_backlog(self) -> None:
        """What was delivered before and never acknowledged."""
        for stream in self._streams:
            after = b"0"
            while entries := await self._read({stream: after}, block=None):
                await self._process(entries)
                after = entries[-1].id

    async def _read_new(self) -> None:
        while True:
            entries = await self._read(dict.fromkeys(self._streams, b">"), block=_BLOCK_MS)
            if entries:
                await self._process(entries)
                if len(entries) < _BATCH:
                    await asyncio.sleep(self._gather_seconds)

    async def _read(self, streams: dict[Any, Any], block: int | None) -> list[_Entry]:
        async with _answered(block):
            answer = await self._redis.xreadgroup(
                self._service, _CONSUMER_NAME, streams, count=_BATCH, block=block
            )
        return [
            _entry(stream.decode(), entry_id, fields or {})
            for stream, entries in cast("_Answer", answer)
            for entry_id, fields in entries
        ]

    async def _process(self, entries: Sequence[_Entry]) -> None:
        events = [entry for entry in entries if entry.stream != self._retries]
        present = [entry for entry in events if not entry.gone and not entry.gap_of]
        if gone := sum(entry.gone for entry in events):
            GAPS.labels(self._service).inc(gone)
            log.error("events were trimmed unread", count=gone)
        if present and not await self._applied_together(present):
            for entry in present:
                await self._apply_alone(entry)
        for entry in entries:
            if entry.letter is not None:
                await self._try_letter_again(entry, entry.letter)
        if any(entry.gap_of == self._service.encode() for entry in entries):
            await self._make_up_for_a_gap()
        await self._acknowledge(entries)

    async def _applied_together(self, entries: Sequence[_Entry]) -> bool:
        """Apply a batch in one transaction; False when some event of it fails."""
        try:
            await self._apply([_parse(entry) for entry in entries])
        except Exception as error:
            if is_outage(error):
                raise
            return False
        self._dead_in_a_row.clear()
        return True

    async def _apply_alone(self, entry: _Entry) -> None:
        error = await self._tried(entry)
        if error is None:
            self._dead_in_a_row.clear()
        else:
            await self._bury(entry, error)

    async def _make_up_for_a_gap(self) -> None:
        log.error("events are lost", rebuilding=self._ask_for_rebuild is not None)
        if self._ask_for_rebuild is not None:
            async with self._database.transaction() as session:
                await self._ask_for_rebuild(session)

    async def _try_letter_again(self, asked: _Entry, letter: int) -> None:
        """The letter goes with its event's effect, or learns why it failed again."""
        async with self._database.transaction() as session:
            payload = await payload_of(session, letter)
        if payload is None:
            return
        error = await self._tried(_Entry(asked.stream, asked.id, payload, letter=letter))
        if error is not None:
            reason = reason_of(error)
            async with self._database.transaction() as session:
                await note_failure(session, letter, reason=reason, attempts=MAX_ATTEMPTS)
            log.error("dead letter failed again", letter=letter, reason=reason)

    async def _tried(self, entry: _Entry) -> Exception | None:
        """Apply an entry, if need be again and again; the last error when all was in vain."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                await self._apply([_parse(entry)], letter=entry.letter)
            except Exception as error:
                if is_outage(error):
                    raise
                if attempt == MAX_ATTEMPTS:
                    return error
                if not isinstance(error, _MALFORMED):
                    await asyncio.sleep(_FIRST_RETRY_SECONDS * 2 ** (attempt - 1))
            else:
                break
        return None

    async def _apply(self, events: Sequence[ReceivedEvent], letter: int | None = None) -> None:
        """Apply events, and take away the dead letter that the only one of them comes from."""
        wanted = [each for each in events if self._types is None or type(each.data) in self._types]
        if not wanted and letter is None:
            return
        async with self._database.transaction() as session:
            if letter is not None and not await take_letter(session, letter):
                return
            unseen = await self._unseen(session, wanted) if wanted else []
            if unseen:
                _continue_request(unseen[-1].envelope)
                await self._handle(session, unseen)
        CONSUMED.labels(self._service).inc(len(unseen))

    async def _unseen(
        self, session: Session, events: Sequence[ReceivedEvent]
    ) -> list[ReceivedEvent]:
        first = {event.envelope.id: event for event in reversed(events)}
        new = set(
            await session.scalars(
                _ADD_TO_INBOX, {"consumer": self._service, "event_ids": sorted(first)}
            )
        )
        return [
            event
            for event in events
            if event.envelope.id in new and first[event.envelope.id] is event
        ]

    async def _bury(self, entry: _Entry, error: Exception) -> None:
        reason = reason_of(error)
        async with self._database.transaction() as session:
            if await add_letter(
                session,
                service=self._service,
                stream=entry.stream,
                entry_id=entry.id.decode(),
                payload=entry.payload,
                reason=reason,
                attempts=MAX_ATTEMPTS,
            ):
                async with _answered():
                    await self._redis.xadd(
                        dead_letter_key(self._service),
                        {b"stream": entry.stream, b"entry": entry.id, b"reason": reason},
                        maxlen=10_000,
                        approximate=True,
                    )
                DEAD_LETTERS.labels(self._service).inc()
        log.error("event went to the dead letters", entry=entry.id.decode(), reason=reason)
        self._dead_in_a_row.add((entry.stream, entry.id))
        if len(self._dead_in_a_row) >= MAX_DEAD_IN_A_ROW:
            raise ConsumerStoppedError(f"{self._service}: {MAX_DEAD_IN_A_ROW} events in a row")

    async def _acknowledge(self, entries: Sequence[_Entry]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for stream in {entry.stream for entry in entries}:
            ids = [entry.id for entry in entries if entry.stream == stream]
            pipeline.xack(stream, self._service, *ids)
            if stream == self._retries:  # nobody else reads it
                pipeline.xdel(stream, *ids)
        async with _answered():
            await pipeline.execute()

    async def _forget_for_ever(self) -> None:
        while True:
            try:
                async with self._database.transaction() as session:
                    await session.execute(
                        delete(inbox).where(inbox.c.received_at < func.now() - self._inbox_kept)
                    )
            except (SQLAlchemyError, OSError) as error:
                log.warning("inbox clean-up failed", error=type(error).__name__)
            await asyncio.sleep(_FORGET_EVERY_SECONDS)


def _answered(block: int | None = None) -> asyncio.Timeout:
    """Bounds a command, which may wait for `block` ms by itself: this connection has no limits."""
    return asyncio.timeout((block or 0) / 1000 + _ANSWER_SECONDS)


# With RETURNING, SQLAlchemy would make one INSERT with as many VALUES of it: an array is faster.
_ADD_TO_INBOX = text(
    "INSERT INTO inbox (consumer, event_id)"
    " SELECT :consumer, * FROM unnest(CAST(:event_ids AS text[]))"
    " ON CONFLICT DO NOTHING RETURNING event_id"
)


def _entry(stream: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> _Entry:
    letter = fields.get(LETTER_FIELD)
    return _Entry(
        stream,
        entry_id,
        fields.get(EVENT_FIELD, b""),
        gone=not fields,
        letter=int(letter) if letter else None,
        gap_of=fields.get(GAP_FIELD),
    )


def _parse(entry: _Entry) -> ReceivedEvent:
    if len(entry.payload) > _LARGEST_EVENT_BYTES:
        raise EventTooLargeError(len(entry.payload))
    envelope = Event.model_validate_json(entry.payload)
    return ReceivedEvent(envelope, envelope.parsed())


def _continue_request(envelope: Event) -> None:
    enter_request(RequestContext(envelope.requestid or envelope.id, envelope.traceparent))
