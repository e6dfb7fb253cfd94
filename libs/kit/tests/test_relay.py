import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from webox_probe.events import (
    SOURCE,
    effects,
    effects_contain,
    make_consumer,
    publish_started,
    rows,
    running,
    started,
    titles_in_stream,
)

from webox_kit.database import Database
from webox_kit.outbox import publish
from webox_kit.relay import Relay
from webox_kit.streams import epoch_key, stream_key
from webox_kit.testing import eventually

WEEK = timedelta(days=7)


@pytest.fixture
def relay(database: Database, redis: Redis) -> Relay:
    return Relay(database, redis, SOURCE, kept=WEEK)


class TestPublishing:
    async def test_publishes_what_commits_in_order_and_once(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "one", "two")
        await publish_started(database, "three")
        assert await relay.publish_pending() == 3
        assert await relay.publish_pending() == 0
        assert await titles_in_stream(redis) == ["one", "two", "three"]

    async def test_publishes_nothing_of_what_rolls_back(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        async def change_and_fail() -> None:
            async with database.transaction() as session:
                await session.execute(text("INSERT INTO effect VALUES ('half')"))
                await publish(session, started("half"), source=SOURCE)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await change_and_fail()
        assert await relay.publish_pending() == 0
        assert await titles_in_stream(redis) == []
        assert await effects(database) == []

    async def test_wakes_at_the_commit(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        async with running(relay.run()):
            await publish_started(database, "first, so that it is up")
            await eventually(lambda: titles_in_stream(redis))
            delays = []
            for number in range(2, 7):
                await publish_started(database, f"{number}")
                committed = time.monotonic()
                await eventually(lambda number=number: longer_than(redis, number - 1))
                delays.append(time.monotonic() - committed)
        assert sorted(delays)[2] < 0.1


async def all_acknowledged(redis: Redis) -> bool:
    [group] = await redis.xinfo_groups(stream_key(SOURCE))
    return (group["name"], group["pending"]) == (b"probe", 0)


async def longer_than(redis: Redis, length: int) -> bool:
    return int(await redis.xlen(stream_key(SOURCE))) > length


@pytest.mark.fault("F08")
class TestConcurrentWriters:
    async def test_one_that_holds_its_transaction_delays_nobody_and_is_not_skipped(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        async def write(writer: int) -> None:
            for number in range(10):
                await publish_started(database, f"{writer}.{number}")

        others = {f"{writer}.{number}" for writer in range(7) for number in range(10)}

        async def others_are_out() -> bool:
            return others <= set(await titles_in_stream(redis))

        async with running(relay.run()):
            async with database.transaction() as session:
                await publish(session, started("held"), source=SOURCE)
                await asyncio.gather(*map(write, range(7)))
                await eventually(others_are_out, seconds=1)
                assert "held" not in await titles_in_stream(redis)
            await eventually(lambda: longer_than(redis, 70), seconds=1)
        assert sorted(await titles_in_stream(redis)) == sorted({*others, "held"})


CRASHING_RELAY = """
import asyncio, sys
from datetime import timedelta
from webox_kit.database import Database
from webox_kit.relay import Relay
from webox_kit.streams import connect

relay = Relay(Database(sys.argv[1]), connect(sys.argv[2]), "chat", kept=timedelta(days=7))
asyncio.run(relay.publish_pending())
"""


@pytest.mark.fault("F07")
class TestCrash:
    async def test_between_publishing_and_marking_is_twice_in_the_stream_and_one_effect(
        self,
        database: Database,
        database_url: str,
        redis: Redis,
        redis_url: str,
        blocking_redis: Redis,
        relay: Relay,
        tmp_path: Path,
    ) -> None:
        await publish_started(database, "once")
        armed = tmp_path / "failpoint"
        armed.write_text("chat.after_publish")
        crashed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", CRASHING_RELAY, database_url, redis_url],
            env={**os.environ, "WEBOX_TESTING": "1", "WEBOX_FAILPOINT_FILE": str(armed)},
            check=False,
        )
        assert crashed.returncode == -signal.SIGKILL
        assert await titles_in_stream(redis) == ["once"]

        async def published() -> int:
            return await relay.publish_pending()

        await eventually(published)  # the crashed one's row lock goes with its connection
        await publish_started(database, "after")
        await relay.publish_pending()
        assert await titles_in_stream(redis) == ["once", "once", "after"]
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, "after"))
        assert await effects(database) == ["once", "after"]


class TestEpoch:
    async def test_an_emptied_redis_gets_the_kept_outbox_again(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "old", "older than kept")
        await relay.publish_pending()
        async with database.transaction() as session:
            await session.execute(
                text(
                    "UPDATE outbox SET created_at = now() - interval '8 days' "
                    "WHERE id = (SELECT max(id) FROM outbox)"
                )
            )
        await redis.flushdb()
        await publish_started(database, "new")
        await relay.publish_pending()
        assert await titles_in_stream(redis) == ["old", "new"]

    async def test_a_redis_with_older_data_gets_it_again(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "old")
        await relay.publish_pending()
        older = await redis.dump(stream_key(SOURCE))
        await publish_started(database, "lost")
        await relay.publish_pending()
        await redis.restore(stream_key(SOURCE), 0, older, replace=True)
        assert await titles_in_stream(redis) == ["old"]
        await relay.publish_pending()
        assert await titles_in_stream(redis) == ["old", "old", "lost"]

    async def test_even_if_something_is_published_to_it_before_anybody_looks(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "old")
        await relay.publish_pending()
        older = await redis.dump(stream_key(SOURCE))
        await publish_started(database, "lost")
        await relay.publish_pending()
        await redis.restore(stream_key(SOURCE), 0, older, replace=True)
        await publish_started(database, "new")
        await relay.publish_pending(check=False)
        await relay.publish_pending()
        assert await titles_in_stream(redis) == ["old", "new", "old", "lost", "new"]

    async def test_nor_is_one_overlooked_that_was_emptied_just_then(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "lost")
        await relay.publish_pending()
        epoch = await redis.get(epoch_key(SOURCE))
        await redis.flushdb()
        await redis.set(epoch_key(SOURCE), epoch or b"")
        await publish_started(database, "new")
        await relay.publish_pending(check=False)
        await relay.publish_pending()
        assert await titles_in_stream(redis) == ["new", "lost", "new"]

    async def test_nothing_is_repeated_by_a_restart_or_a_trimmed_stream(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "old")
        await relay.publish_pending()
        await redis.xtrim(stream_key(SOURCE), maxlen=0, approximate=False)
        again = Relay(database, redis, SOURCE, kept=WEEK)
        assert await again.publish_pending() == 0

    async def test_consumers_make_their_groups_again_and_miss_nothing(
        self, database: Database, redis: Redis, blocking_redis: Redis, relay: Relay
    ) -> None:
        async with running(relay.run()), running(make_consumer(database, blocking_redis).run()):
            await publish_started(database, "before")
            await eventually(lambda: effects_contain(database, "before"))
            await redis.flushdb()
            await publish_started(database, "after")
            await eventually(lambda: effects_contain(database, "after"))
            await eventually(lambda: all_acknowledged(redis))
        assert await effects(database) == ["before", "after"]


class TestTrim:
    async def test_keeps_what_the_slowest_group_has_not_read(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await self._fill(database, relay)
        await redis.xgroup_create(stream_key(SOURCE), "fast", id="$")
        await redis.xgroup_create(stream_key(SOURCE), "slow", id="0")
        read = await redis.xreadgroup("slow", "one", {stream_key(SOURCE): ">"}, count=350)
        ids = [entry_id for entry_id, _ in read[0][1]]
        await redis.xack(stream_key(SOURCE), "slow", *ids[:300])
        await relay.trim()
        left = await redis.xrange(stream_key(SOURCE))
        assert {entry_id for entry_id, _ in left} >= set(ids[300:])
        assert 100 <= len(left) < 400, "nothing was trimmed, or too much"

    async def test_what_is_acknowledged_while_one_looks_is_not_needed(
        self, database: Database, redis: Redis, relay: Relay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self._fill(database, relay)
        await redis.xgroup_create(stream_key(SOURCE), "group", id="0")
        read = await redis.xreadgroup("group", "one", {stream_key(SOURCE): ">"})
        pending = redis.xpending

        async def acknowledged_first(stream: str, group: str) -> object:
            await redis.xack(stream, group, *(entry_id for entry_id, _ in read[0][1]))
            return await pending(stream, group)

        monkeypatch.setattr(redis, "xpending", acknowledged_first)
        await relay.trim()
        assert await redis.xlen(stream_key(SOURCE)) < 400

    async def test_keeps_all_when_nobody_reads(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await self._fill(database, relay)
        await relay.trim()
        assert await redis.xlen(stream_key(SOURCE)) == 400

    async def test_waits_for_a_group_that_redis_lost_while_its_consumer_is_down(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await self._fill(database, relay)
        for name in ("up", "down"):
            await redis.xgroup_create(stream_key(SOURCE), name, id="0")
        await relay.trim()
        await redis.flushdb()
        await relay.publish_pending()
        await redis.xgroup_create(stream_key(SOURCE), "up", id="$")
        await relay.trim()
        assert await redis.xlen(stream_key(SOURCE)) == 400
        groups = await redis.xinfo_groups(stream_key(SOURCE))
        assert {group["name"]: group["last-delivered-id"] for group in groups}[b"down"] == b"0-0"

    async def test_forgets_published_rows_past_their_time_only(
        self, database: Database, relay: Relay
    ) -> None:
        await publish_started(database, "published")
        await relay.publish_pending()
        await publish_started(database, "not yet published")
        async with database.transaction() as session:
            await session.execute(text("UPDATE outbox SET created_at = now() - interval '8 days'"))
        await publish_started(database, "fresh")
        await relay.trim()
        left = await rows(database, "SELECT convert_from(event, 'utf8') AS event FROM outbox")
        assert [("not yet" in row.event, "fresh" in row.event) for row in left] == [
            (True, False),
            (False, True),
        ]

    async def _fill(self, database: Database, relay: Relay) -> None:
        await publish_started(database, *map(str, range(400)))
        assert await relay.publish_pending() == 400
