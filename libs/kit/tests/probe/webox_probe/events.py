"""Events to publish and consume, and looking at what became of them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from redis.asyncio import Redis
from sqlalchemy import text
from uuid_utils import uuid7

from webox_contracts.events import ConversationStarted, Event
from webox_kit.cancellation import cancel_and_wait
from webox_kit.consumer import BatchHandler, Consumer, by_type
from webox_kit.database import Database, Session
from webox_kit.outbox import publish
from webox_kit.streams import EVENT_FIELD, stream_key

SOURCE = "chat"
_ids = itertools.count(1)


def started(title: str) -> ConversationStarted:
    return ConversationStarted(
        user_id=1,
        conversation_id=next(_ids),
        title=title,
        folder="Général",
        providers=["GPT-4"],
        created_at=datetime.now(UTC),
    )


def wire(title: str, **changes: Any) -> bytes:
    """An event as it stands in the stream, with some attributes changed."""
    event = Event.of(started(title), id=str(uuid7()), source="/webox/chat", time=datetime.now(UTC))
    return orjson.dumps({**event.model_dump(mode="json"), **changes})


async def append(redis: Redis, *payloads: bytes) -> list[bytes]:
    """The ids that `payloads` got in the stream."""
    return [await redis.xadd(stream_key(SOURCE), {EVENT_FIELD: each}) for each in payloads]


async def publish_started(database: Database, *titles: str) -> None:
    async with database.transaction() as session:
        await publish(session, *(started(title) for title in titles), source=SOURCE)


async def titles_in_stream(redis: Redis) -> list[str]:
    entries = await redis.xrange(stream_key(SOURCE)) or []
    return [orjson.loads(fields[EVENT_FIELD])["data"]["title"] for _, fields in entries]


async def rows(database: Database, query: str) -> Sequence[Any]:
    async with database.engine.connect() as connection:
        return (await connection.execute(text(query))).all()


async def effects(database: Database) -> list[str]:
    """The titles of the events that had their effect, each as often as it had it."""
    return [row.title for row in await rows(database, "SELECT title FROM effect ORDER BY ctid")]


async def effects_contain(database: Database, title: str) -> bool:
    return title in await effects(database)


async def execute(session: Session, statement: str, **values: Any) -> None:
    """As a service's repository would."""
    await session.execute(text(statement), values)


async def remember_title(session: Session, data: ConversationStarted, _: Event) -> None:
    await execute(session, "INSERT INTO effect VALUES (:title)", title=data.title)


HANDLE_STARTED = by_type({ConversationStarted: remember_title})


def make_consumer(
    database: Database, redis: Redis, handle: BatchHandler = HANDLE_STARTED, name: str = "probe"
) -> Consumer:
    return Consumer(database=database, redis=redis, service=name, streams=[SOURCE], handle=handle)


@asynccontextmanager
async def running(work: Any) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a coroutine beside the block; an error of its own comes out at the end."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        await cancel_and_wait(task)
