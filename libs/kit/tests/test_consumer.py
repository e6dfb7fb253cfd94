from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis
from sqlalchemy import text
from webox_probe.events import (
    HANDLE_STARTED,
    SOURCE,
    append,
    effects,
    effects_contain,
    make_consumer,
    rows,
    running,
    wire,
)

from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database, Session
from webox_kit.streams import stream_key
from webox_kit.testing import eventually

STREAM = stream_key(SOURCE)


async def pending(redis: Redis) -> int:
    return int((await redis.xpending(STREAM, "probe"))["pending"])


class TestEffects:
    async def test_an_event_that_comes_again_has_one_effect(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        event = wire("once")
        await append(redis, event, event, wire("between"), event)
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, "between"))
            await append(redis, event, wire("last"))
            await eventually(lambda: effects_contain(database, "last"))
        assert await effects(database) == ["once", "between", "last"]

    async def test_many_are_applied_in_stream_order_and_few_transactions(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        titles = [f"{number}" for number in range(600)]
        await append(redis, *map(wire, titles))
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, titles[-1]))
        assert await effects(database) == titles
        transactions = await rows(database, "SELECT DISTINCT xmin::text FROM effect")
        assert len(transactions) == 2

    async def test_a_failing_event_does_not_take_its_batch_along(
        self,
        database: Database,
        redis: Redis,
        blocking_redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("webox_kit.consumer._FIRST_RETRY_SECONDS", 0.01)

        async def refuse_odd(session: Session, events: Sequence[ReceivedEvent]) -> None:
            await HANDLE_STARTED(session, events)
            if any(event.data.title == "odd" for event in events):  # type: ignore[attr-defined]
                raise RuntimeError

        await append(redis, wire("a"), wire("odd"), wire("b"))
        async with running(make_consumer(database, blocking_redis, refuse_odd).run()):
            await eventually(lambda: effects_contain(database, "b"))
        assert await effects(database) == ["a", "b"]

    async def test_types_without_a_handler_pass_by(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        deleted = wire("x", type="gateway.user_deleted", data={"user_id": 1, "version": 1})
        await append(redis, deleted, wire("next"))
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, "next"))
            await eventually(lambda: nothing_pending(redis))
        assert await rows(database, "SELECT 1 FROM dead_letter") == []

    async def test_two_consumers_both_get_every_event(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        await append(redis, wire("for both"))
        first = make_consumer(database, blocking_redis, name="search")
        second = make_consumer(database, blocking_redis, name="dashboard")
        async with running(first.run()), running(second.run()):

            async def twice() -> bool:
                return await effects(database) == ["for both"] * 2

            await eventually(twice)


class TestRestart:
    async def test_reads_what_was_left_pending_first(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        await append(redis, wire("left one"), wire("left two"))
        await redis.xgroup_create(STREAM, "probe", id="0")
        await redis.xreadgroup("probe", "one", {STREAM: ">"})  # and dies
        await append(redis, wire("new"))
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, "new"))
            await eventually(lambda: nothing_pending(redis))
        assert await effects(database) == ["left one", "left two", "new"]

    async def test_died_between_commit_and_acknowledgement(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        await append(redis, wire("committed"))
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: nothing_pending_and(redis, database, "committed"))
        await redis.xgroup_setid(STREAM, "probe", id="0")
        await redis.xreadgroup("probe", "one", {STREAM: ">"})  # as if never acknowledged
        assert await pending(redis) == 1
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: nothing_pending(redis))
        assert await effects(database) == ["committed"]

    async def test_entries_trimmed_meanwhile_are_acknowledged_and_counted(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        ids = await append(redis, wire("gone"), wire("gone as well"), wire("there"))
        await redis.xgroup_create(STREAM, "probe", id="0")
        await redis.xreadgroup("probe", "one", {STREAM: ">"})
        await redis.xtrim(STREAM, minid=ids[2], approximate=False)
        before = gaps()
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: nothing_pending(redis))
        assert await effects(database) == ["there"]
        assert gaps() - before == 2


class TestForgetting:
    async def test_inbox_rows_past_their_time_go(
        self, database: Database, blocking_redis: Redis
    ) -> None:
        async with database.transaction() as session:
            await session.execute(
                text(
                    "INSERT INTO inbox VALUES ('probe', 'nine days', now() - interval '9 days'),"
                    "('probe', 'a week', now() - interval '7 days')"
                )
            )
        async with running(make_consumer(database, blocking_redis).run()):

            async def forgotten() -> bool:
                left = await rows(database, "SELECT event_id FROM inbox")
                return [row.event_id for row in left] == ["a week"]

            await eventually(forgotten)


async def nothing_pending(redis: Redis) -> bool:
    return await pending(redis) == 0


async def nothing_pending_and(redis: Redis, database: Database, title: str) -> bool:
    return await effects_contain(database, title) and await nothing_pending(redis)


def gaps() -> float:
    return REGISTRY.get_sample_value("webox_stream_gaps_total", {"service": "probe"}) or 0
