"""Leases: of any number of attempts at a reply, one writes it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from webox_chat.live.publisher import TextPublisher
from webox_chat.main import create_app
from webox_chat.models import reply, usage_ledger
from webox_chat.providers import Finished, TextDelta
from webox_chat.replies import finals
from webox_chat.replies.leases import LeaseRepository
from webox_chat.replies.schemas import Final, Lease
from webox_chat.replies.service import FanOut
from webox_chat.settings import ChatSettings
from webox_kit.database import Database
from webox_kit.event_tables import outbox
from webox_kit.streams import connect
from webox_kit.testing import serve


async def write_finals(database, ends):
    return await finals.write_finals(database, database.redis, ends)


USER_ID = 1
LEASE = Lease(timedelta(seconds=30), max_attempts=3)


@pytest.fixture
async def database(make_settings, keys, tmp_path):
    """A chat database of its own with one message sent to two providers, and nobody working."""
    registry = tmp_path / "providers.toml"
    registry.write_text(
        "extends_default = false\n"
        + "".join(
            f'[providers.{name}]\nprotocol = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
            'default_model = "ok"\nallow_private = true\n'
            for name in ("A", "B")
        )
    )
    settings = make_settings(ChatSettings, providers_file=registry)
    async with serve(create_app(settings)) as client:
        sent = await client.post(
            "/api/chat/send",
            json={"message": "x", "wait": {"seconds": 0}},
            headers=keys.user_headers("chat", USER_ID),
        )
        assert sent.status_code == 202, sent.text
        database = Database(settings.database_url)
        database.message_id = sent.json()["message_id"]
        database.redis = connect(settings.redis_url)
        yield database
        await database.redis.aclose()
        await database.close()


async def claim(database):
    claimed = await LeaseRepository(database).claim(database.message_id, USER_ID, LEASE)
    return claimed.claims if claimed else []


async def expire_leases(database):
    async with database.transaction() as session:
        await session.execute(
            update(reply).values(lease_until=text("clock_timestamp() - interval '1 s'"))
        )


async def rows(database):
    async with database.transaction() as session:
        return (await session.execute(select(reply).order_by(reply.c.position))).all()


async def test_of_parallel_workers_one_claims(database):
    claimed = await asyncio.gather(*(claim(database) for _ in range(5)))
    assert sorted(len(each) for each in claimed) == [0, 0, 0, 0, 2]


async def test_a_worker_that_is_told_early_waits_until_the_message_is_stored(database):
    async with database.transaction() as session:
        await session.execute(
            update(reply).values(status="running", lease_until=text("'infinity'"))
        )
    async with database.transaction() as storing:
        await storing.execute(text("SELECT pg_advisory_xact_lock(:user)"), {"user": USER_ID})
        await storing.execute(update(reply).values(status="queued"))
        early = asyncio.create_task(claim(database))
        await asyncio.wait_for(somebody_waits_for_a_turn(database), 10)
    assert len(await early) == 2


async def somebody_waits_for_a_turn(database):
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    while True:
        async with database.transaction() as session:
            if await session.scalar(waiting):
                return
        await asyncio.sleep(0.01)


async def test_a_lease_that_holds_is_not_taken(database):
    assert len(await claim(database)) == 2
    assert await claim(database) == []


async def test_an_expired_lease_is_taken_with_the_next_attempt(database):
    first = await claim(database)
    await expire_leases(database)
    second = await claim(database)
    assert [each.attempt for each in first] == [1, 1]
    assert [each.attempt for each in second] == [2, 2]


async def test_the_late_write_of_an_earlier_attempt_changes_nothing(database):
    (late, _) = await claim(database)
    await expire_leases(database)
    (owner, _) = await claim(database)
    assert await write_finals(database, [Final(late, "done", content="late")]) == set()
    assert await write_finals(database, [Final(owner, "done", content="right")]) == {owner.reply_id}
    assert await write_finals(database, [Final(owner, "done", content="again")]) == set()
    contents = {row.id: row.content for row in await rows(database)}
    assert contents[owner.reply_id] == "right"


async def test_of_two_attempts_in_one_batch_one_is_written_and_told(database):
    (late, _) = await claim(database)
    await expire_leases(database)
    (owner, _) = await claim(database)
    ends = [Final(late, "failed", error_code="timeout"), Final(owner, "done", content="right")]
    assert await write_finals(database, ends) == {owner.reply_id}
    async with database.transaction() as session:
        events = (await session.scalars(select(outbox.c.event).order_by(outbox.c.id))).all()
    told = [event for event in events if b'"chat.reply_finished"' in event]
    assert len(told) == 1
    assert b'"done"' in told[0]


async def test_a_renewed_lease_is_ours_and_a_lost_one_is_not(database):
    claims = await claim(database)
    replies = LeaseRepository(database)
    ours = await replies.renew(claims, LEASE.duration)
    assert ours == {each.reply_id: False for each in claims}
    await expire_leases(database)
    await claim(database)
    assert await replies.renew(claims, LEASE.duration) == {}


async def test_a_reply_is_begun_only_so_often(database):
    for _ in range(LEASE.max_attempts):
        assert len(await claim(database)) == 2
        await expire_leases(database)
    assert await claim(database) == []


async def test_finals_of_a_batch_commit_with_ledger_and_events(database):
    one, two = await claim(database)
    written = await write_finals(
        database,
        [
            Final(one, "done", content="text", input_tokens=3, output_tokens=5),
            Final(two, "failed", error_code="timeout", error_detail="too slow"),
        ],
    )
    assert written == {one.reply_id, two.reply_id}
    async with database.transaction() as session:
        ledger = (await session.execute(select(usage_ledger))).all()
        events = (await session.scalars(select(outbox.c.event).order_by(outbox.c.id))).all()
    assert {row.reply_id: row.status for row in ledger} == {
        one.reply_id: "done",
        two.reply_id: "failed",
    }
    assert sum(b'"chat.reply_finished"' in event for event in events) == 2
    assert not any(b"too slow" in event or b'"text"' in event for event in events)


async def test_a_reply_that_comes_back_to_the_worker_that_lost_it_ends_once(database):
    """As after an outage of the database that is longer than a lease."""
    calls = asyncio.Queue()

    class Slow:
        async def ask(self, _provider, _request):
            may_end = asyncio.Event()
            await calls.put(may_end)
            await may_end.wait()
            yield TextDelta("text")
            yield Finished("stop", 1, 1)

    async def both_asked():
        return [await calls.get(), await calls.get()]

    async with (
        TextPublisher(database.redis) as texts,
        finals.FinalWriter(database, database.redis) as writer,
    ):
        fan_out = FanOut(
            database, Slow(), lambda *_: None, texts, writer, lease=LEASE, renew_seconds=30
        )
        lost = asyncio.create_task(fan_out.run(database.message_id, USER_ID, watched=False))
        may_end = await both_asked()
        await expire_leases(database)
        again = asyncio.create_task(fan_out.run(database.message_id, USER_ID, watched=False))
        may_end_later = await both_asked()
        for each in may_end:
            each.set()
        await lost
        for each in may_end_later:
            each.set()
        await again
    assert [(row.status, row.attempt) for row in await rows(database)] == [("done", 2)] * 2
