"""What one relay and one consumer carry, and what the relay adds to an event's way.

A durable PostgreSQL and Redis, and this process in the place of a service's, held to one core.
Rates are told twice: by the clock, which has in it what this process waits for PostgreSQL and
Redis (on whichever core they get), and by the CPU that this process itself took.

The events are those of sends to four providers, each in a conversation of its own: it is started,
a message is sent, four replies are finished.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from redis.asyncio import Redis

from webox_contracts.events import ConversationStarted, EventData, MessageSent, ReplyFinished
from webox_dashboard.consumers import apply_and_tell
from webox_kit.cancellation import cancel_and_wait
from webox_kit.consumer import BatchHandler, Consumer, ReceivedEvent
from webox_kit.database import Database, Session
from webox_kit.migrations import migrate
from webox_kit.outbox import publish
from webox_kit.relay import Relay
from webox_kit.streams import connect, connect_blocking, stream_key
from webox_local.servers import Servers, running_servers

SOURCE = "chat"
PROVIDERS = ["GPT-4", "Claude", "Gemini", "Mistral"]
SENDS = 5_000
EVENTS = SENDS * (2 + len(PROVIDERS))
ROUNDS = 3
LEAST_A_SECOND = 5_000
SINGLES, BETWEEN_SINGLES_SECONDS = 100, 0.1
MOST_MEDIAN_MS = 50
_SENDS_A_COMMIT = 100
_LOOK_SECONDS = 0.02
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Parts:
    """The source's database and the reader's, and Redis for commands and for waiting."""

    source: Database
    reader: Database
    redis: Redis
    waiting_redis: Redis

    def relay(self) -> Relay:
        return Relay(self.source, self.redis, SOURCE, kept=_WEEK)

    def consumer(self, service: str, handle: BatchHandler) -> Consumer:
        return Consumer(
            database=self.reader,
            redis=self.waiting_redis,
            service=service,
            streams=[SOURCE],
            handle=handle,
        )


async def measure(servers: Servers) -> None:
    async with _opened(servers) as parts:
        for number in range(ROUNDS):
            await _fill_outbox(parts.source, first=1 + number * SENDS)
            await _tell_rate("relay", lambda: _relay_all(parts.relay()))
            for service, handle in (("reader", _nothing), ("dashboard", apply_and_tell)):
                consumer = parts.consumer(service, handle)
                await _tell_rate(
                    f"consumer of {service}",
                    lambda consumer=consumer, service=service: _consume_all(
                        consumer, parts.redis, service
                    ),
                )
        delays = await _delays(parts)
    print(
        f"in the stream after its commit: {statistics.median(delays):.1f} ms median "
        f"(under {MOST_MEDIAN_MS}), {max(delays):.1f} ms at worst, of {len(delays)}"
    )


@asynccontextmanager
async def _opened(servers: Servers) -> AsyncIterator[Parts]:
    url = servers.redis.url(0)
    parts = Parts(
        Database(servers.postgres.url(_database("chat"))),
        Database(servers.postgres.url(_database("dashboard"))),
        connect(url),
        connect_blocking(url),
    )
    try:
        await migrate(parts.source, "webox_chat")
        await migrate(parts.reader, "webox_dashboard")
        yield parts
    finally:
        await parts.waiting_redis.aclose()
        await parts.redis.aclose()
        await parts.reader.close()
        await parts.source.close()


async def _fill_outbox(database: Database, *, first: int) -> None:
    for start in range(first, first + SENDS, _SENDS_A_COMMIT):
        events = [
            event for number in range(start, start + _SENDS_A_COMMIT) for event in _send(number)
        ]
        async with database.transaction() as session:
            await publish(session, *events, source=SOURCE)


def _send(number: int) -> Iterator[EventData]:
    now, user_id = datetime.now(UTC), 1 + number % 100
    yield ConversationStarted(
        user_id=user_id,
        version=1,
        conversation_id=number,
        title=f"Conversation {number}",
        folder="Général",
        providers=PROVIDERS,
        created_at=now,
    )
    yield MessageSent(
        user_id=user_id,
        version=2,
        conversation_id=number,
        message_id=number,
        providers=PROVIDERS,
        created_at=now,
    )
    for position, provider in enumerate(PROVIDERS):
        yield ReplyFinished(
            user_id=user_id,
            version=3 + position,
            conversation_id=number,
            message_id=number,
            reply_id=number * len(PROVIDERS) + position,
            provider=provider,
            model="model",
            status="done",
            input_tokens=100,
            output_tokens=200,
            cost=Decimal("0.0015"),
            time_to_first_token_ms=300,
            total_ms=2000,
            finished_at=now,
        )


async def _tell_rate(what: str, work: Callable[[], Awaitable[None]]) -> None:
    began, cpu_began = time.perf_counter(), time.process_time()
    await work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    print(
        f"{what}: {EVENTS / seconds:,.0f}/s (at least {LEAST_A_SECOND:,}), "
        f"{EVENTS / cpu:,.0f} a second of its CPU; load {os.getloadavg()[0]:.1f}"
    )


async def _relay_all(relay: Relay) -> None:
    while await relay.publish_pending(check=False):
        pass


async def _consume_all(consumer: Consumer, redis: Redis, service: str) -> None:
    running = asyncio.create_task(consumer.run())
    try:
        while not await _has_all(redis, service):  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await cancel_and_wait(running)


async def _has_all(redis: Redis, service: str) -> bool:
    stream = await redis.xinfo_stream(stream_key(SOURCE))
    for group in await redis.xinfo_groups(stream_key(SOURCE)):
        if group["name"].decode() == service:
            read = group["last-delivered-id"] == stream["last-generated-id"]
            return bool(read and group["pending"] == 0)
    return False


async def _nothing(_session: Session, _events: Sequence[ReceivedEvent]) -> None:
    """The inbox alone."""


async def _delays(parts: Parts) -> list[float]:
    """Milliseconds from each commit until the event can be read from the stream."""
    stream, delays = stream_key(SOURCE), []
    running = asyncio.create_task(parts.relay().run())
    try:
        for number in range(SINGLES):
            await asyncio.sleep(BETWEEN_SINGLES_SECONDS)
            [event, *_] = _send((ROUNDS + 1) * SENDS + number)
            reading = asyncio.create_task(parts.waiting_redis.xread({stream: "$"}, block=5000))
            await asyncio.sleep(_LOOK_SECONDS)  # until it waits
            async with parts.source.transaction() as session:
                await publish(session, event, source=SOURCE)
            committed = time.perf_counter()
            assert await reading, "the relay does not publish"
            delays.append((time.perf_counter() - committed) * 1000)
    finally:
        await cancel_and_wait(running)
    return delays


def _database(service: str) -> str:
    return f"webox_{service}"


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="webox-bench-") as name,
        running_servers(Path(name), forgetful=False) as servers,
    ):
        servers.postgres.create_databases([_database("chat"), _database("dashboard")])
        # After the servers have begun, so that they are not held to it.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        asyncio.run(measure(servers))


if __name__ == "__main__":
    main()
