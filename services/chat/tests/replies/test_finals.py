"""Finals: those of one message that come close together are one change of its conversation."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from webox_chat.messages.repository import MessageRepository
from webox_chat.messages.stored import Asking, NewMessage, ProviderChoice
from webox_chat.models import conversation, reply
from webox_chat.replies.finals import FinalWriter
from webox_chat.replies.leases import LeaseRepository
from webox_chat.replies.schemas import Final, Lease
from webox_contracts.events import Event
from webox_kit.database import Database
from webox_kit.event_tables import outbox
from webox_kit.migrations import migrate

PROVIDERS = ("A", "B", "C", "D")


@pytest.fixture
async def database(database_url):
    database = Database(database_url)
    await migrate(database, "webox_chat")
    yield database
    await database.close()


@pytest.fixture
async def claims(database):
    """Four replies of one new message, claimed."""
    choices = [ProviderChoice(name, "ok", demo=False) for name in PROVIDERS]
    stored = await MessageRepository(database).start_conversation(
        NewMessage(1, "q", "q", choices, Asking()),
        title="q",
        folder="f",
        most_unfinished=50,
        events=[],
        foretell=lambda _: None,
    )
    claimed = await LeaseRepository(database).claim(stored.id, 1, Lease(timedelta(seconds=30), 5))
    return claimed.claims


@pytest.fixture
async def writer(database, redis_url):
    redis = Redis.from_url(redis_url)
    async with FinalWriter(database, redis) as writer:
        yield writer
    await redis.aclose()


async def end(writer, claim, after):
    with writer.expecting(claim):
        await asyncio.sleep(after)
    return await writer.write(Final(claim, "done", content=f"text of {claim.provider}"))


async def version(database):
    async with database.transaction() as session:
        return await session.scalar(select(conversation.c.version))


async def test_those_that_end_together_are_one_change(database, writer, claims):
    before = await version(database)
    written = await asyncio.gather(
        *(end(writer, each, 0.0005 * n) for n, each in enumerate(claims))
    )
    assert written == [True] * 4
    assert await version(database) == before + 1


async def test_a_slow_one_holds_nobody_up(database, writer, claims):
    *quick, slow = claims
    waiting = asyncio.create_task(end(writer, slow, 5))
    async with asyncio.timeout(1):
        assert all(await asyncio.gather(*(end(writer, each, 0) for each in quick)))
    async with database.transaction() as session:
        rows = await session.execute(select(reply.c.provider, reply.c.status, reply.c.content))
        states = {row.provider: (row.status, row.content) for row in rows}
    assert states.pop(slow.provider) == ("running", "")
    assert states == {each.provider: ("done", f"text of {each.provider}") for each in quick}
    waiting.cancel()


async def test_their_events_say_the_conversations_new_version(database, writer, claims):
    await asyncio.gather(*(end(writer, each, 0) for each in claims))
    async with database.transaction() as session:
        events = [
            Event.model_validate_json(event).parsed()
            for event in await session.scalars(select(outbox.c.event).order_by(outbox.c.id))
        ]
    assert {event.provider for event in events} == set(PROVIDERS)
    assert {event.version for event in events} == {await version(database)}
    assert {event.reply_id for event in events} == {claim.reply_id for claim in claims}
