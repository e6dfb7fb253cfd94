"""A consumer stands still while far more events pass than the stream may keep."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from webox_probe.events import (
    HANDLE_STARTED,
    SOURCE,
    effects,
    effects_contain,
    publish_started,
    rows,
    running,
    titles_in_stream,
)
from webox_probe.main import create_app
from webox_probe.settings import ProbeSettings

from webox_kit.consumer import Consumer
from webox_kit.database import Database, Session
from webox_kit.relay import Relay
from webox_kit.streams import EVENT_FIELD, GAP_FIELD, stream_key
from webox_kit.testing import Keys, eventually, serve

pytestmark = pytest.mark.fault("F12")

STREAM = stream_key(SOURCE)
MOST = 100
MANY = [f"{number}" for number in range(3 * MOST)]
WEEK = timedelta(days=7)

MakeRelay = Callable[..., Relay]
MakeConsumer = Callable[..., Consumer]


@pytest.fixture
def make_relay(database: Database, redis: Redis) -> MakeRelay:
    """One that keeps little in the stream; it trims only when it is told to."""

    def make(kept: timedelta = WEEK) -> Relay:
        return Relay(database, redis, SOURCE, kept=kept, most_events=MOST)

    return make


@pytest.fixture
def rebuilds() -> list[str]:
    """Names of the consumers that asked for a rebuild."""
    return []


@pytest.fixture
def make_consumer(database: Database, blocking_redis: Redis, rebuilds: list[str]) -> MakeConsumer:
    def make(name: str = "probe") -> Consumer:
        async def ask_for_rebuild(_: Session) -> None:
            rebuilds.append(name)

        return Consumer(
            database=database,
            redis=blocking_redis,
            service=name,
            streams=[SOURCE],
            handle=HANDLE_STARTED,
            ask_for_rebuild=ask_for_rebuild,
        )

    return make


async def publish_many(database: Database, relay: Relay, titles: Sequence[str] = MANY) -> None:
    await publish_started(database, *titles)
    assert await relay.publish_pending() == len(titles)


async def trim(relay: Relay) -> None:
    """Until it has seen that somebody stands still."""
    await relay.trim()
    await relay.trim()


async def read_one(database: Database, relay: Relay, make_consumer: MakeConsumer) -> None:
    await publish_many(database, relay, ["first"])
    async with running(make_consumer().run()):
        await eventually(lambda: effects_contain(database, "first"))


def all_had_their_effect(database: Database) -> Callable[[], Awaitable[bool]]:
    async def had() -> bool:
        return set(await effects(database)) >= {"first", *MANY}

    return had


async def gaps(database: Database) -> set[str]:
    [row] = await rows(database, "SELECT gaps FROM relay_state")
    return set(row.gaps)


class TestBeyondTheLimit:
    async def test_what_was_cut_comes_again_once_the_rest_is_read_and_has_one_effect(
        self, database: Database, redis: Redis, make_relay: MakeRelay, make_consumer: MakeConsumer
    ) -> None:
        await read_one(database, make_relay(), make_consumer)
        await publish_many(database, make_relay())
        await trim(make_relay())
        left = await titles_in_stream(redis)
        assert left[-MOST:] == MANY[-MOST:]
        assert len(left) < 2 * MOST
        assert await make_relay().publish_pending() == 0, "nobody could read it now"
        assert await gaps(database) == {"probe"}

        async with running(make_relay().run()), running(make_consumer().run()):
            await eventually(all_had_their_effect(database))

            async def nothing_missing() -> bool:
                return await gaps(database) == set()

            await eventually(nothing_missing)
        assert sorted(await effects(database)) == sorted(["first", *MANY])

    async def test_who_never_read_anything_is_not_forgotten(
        self, database: Database, redis: Redis, make_relay: MakeRelay, make_consumer: MakeConsumer
    ) -> None:
        await redis.xgroup_create(STREAM, "probe", id="0", mkstream=True)
        relay = make_relay()
        await publish_many(database, relay, ["first", *MANY])
        await trim(relay)
        async with running(relay.run()), running(make_consumer().run()):
            await eventually(all_had_their_effect(database))

    async def test_nor_who_had_taken_something_and_not_done_with_it(
        self, database: Database, redis: Redis, make_relay: MakeRelay, make_consumer: MakeConsumer
    ) -> None:
        await read_one(database, make_relay(), make_consumer)
        relay = make_relay()
        await publish_many(database, relay)
        await redis.xreadgroup("probe", "one", {STREAM: ">"})  # all of it, and dies
        await trim(relay)
        async with running(relay.run()), running(make_consumer().run()):
            await eventually(all_had_their_effect(database))

    async def test_the_operations_page_says_who(
        self,
        database: Database,
        redis: Redis,
        make_relay: MakeRelay,
        make_settings: Callable[..., ProbeSettings],
        keys: Keys,
    ) -> None:
        await redis.xgroup_create(STREAM, "search", id="0", mkstream=True)
        await publish_many(database, make_relay())
        async with serve(create_app(make_settings(ProbeSettings))) as client:
            headers = keys.user_headers("probe", role="admin")
            before = await client.get("/ops", headers=headers)
            await trim(make_relay())
            after = await client.get("/ops", headers=headers)
        warning = "Events were trimmed before search had read them"
        assert [warning in page.text for page in (before, after)] == [False, True]

    async def test_it_is_cut_however_much_it_is(
        self, database: Database, redis: Redis, make_relay: MakeRelay
    ) -> None:
        """Left to itself, Redis trims no more than 100 nodes of 100 entries at once."""
        relay = make_relay()
        await publish_many(database, relay, ["first"])
        pipeline = redis.pipeline(transaction=False)
        for _ in range(25_000):
            pipeline.xadd(STREAM, {EVENT_FIELD: b"x"})
        await pipeline.execute()
        await redis.xgroup_create(STREAM, "all read", id="$")
        await relay.trim()
        assert await redis.xlen(STREAM) <= 2 * MOST

    async def test_who_reads_is_waited_for_however_slow(
        self, database: Database, redis: Redis, make_relay: MakeRelay
    ) -> None:
        relay = make_relay()
        await publish_many(database, relay)
        for name in ("slow", "down"):
            await redis.xgroup_create(STREAM, name, id="0")
            await redis.xreadgroup(name, "one", {STREAM: ">"}, count=1, noack=True)
        for number in range(1, 4):
            await relay.trim()
            await redis.xreadgroup("slow", "one", {STREAM: ">"}, count=1, noack=True)
            left = await titles_in_stream(redis)
            assert set(left) >= set(MANY[number:])
        assert await gaps(database) == set()  # of so few no whole node of the stream can go

        await redis.xreadgroup("slow", "one", {STREAM: ">"}, count=MOST, noack=True)
        await relay.trim()
        assert set(await titles_in_stream(redis)) >= set(MANY[MOST + 4 :])
        assert await gaps(database) == {"down"}


class TestSomebodyElseTrims:
    @pytest.mark.parametrize("left", [0, 1])
    async def test_is_seen_at_the_next_look(
        self,
        database: Database,
        redis: Redis,
        make_relay: MakeRelay,
        make_consumer: MakeConsumer,
        left: int,
    ) -> None:
        await read_one(database, make_relay(), make_consumer)
        relay = make_relay()
        await publish_many(database, relay)
        await redis.xtrim(STREAM, maxlen=left, approximate=False)
        await relay.publish_pending()
        async with running(relay.run()), running(make_consumer().run()):
            await eventually(all_had_their_effect(database))


class TestWithinTheLimit:
    async def test_as_many_as_there_may_be_all_stay(
        self, database: Database, redis: Redis, make_relay: MakeRelay
    ) -> None:
        relay = make_relay()
        await redis.xgroup_create(STREAM, "down", id="0", mkstream=True)
        await publish_many(database, relay, MANY[:MOST])
        await trim(relay)
        assert await titles_in_stream(redis) == MANY[:MOST]
        assert await gaps(database) == set()

    async def test_nothing_is_repeated(
        self, database: Database, redis: Redis, make_relay: MakeRelay, make_consumer: MakeConsumer
    ) -> None:
        relay, titles = make_relay(), MANY[:MOST]
        await read_one(database, relay, make_consumer)
        async with running(relay.run()):
            await publish_started(database, *titles)
            async with running(make_consumer().run()):
                await eventually(lambda: effects_contain(database, titles[-1]))
            await publish_started(database, "while nobody reads")
            await trim(relay)
            async with running(make_consumer().run()):
                await eventually(lambda: effects_contain(database, "while nobody reads"))
        await trim(relay)
        await relay.publish_pending()
        in_stream = await titles_in_stream(redis)
        assert len(set(in_stream)) == len(in_stream)
        assert await gaps(database) == set()


class TestNobodyHasItAnyMore:
    async def test_the_robbed_one_alone_asks_for_a_rebuild(
        self,
        database: Database,
        redis: Redis,
        make_relay: MakeRelay,
        make_consumer: MakeConsumer,
        rebuilds: list[str],
    ) -> None:
        relay = make_relay(kept=timedelta(days=1))
        await read_one(database, relay, make_consumer)
        await publish_many(database, relay)
        await trim(relay)
        async with (
            running(relay.run()),
            running(make_consumer("other").run()),
            running(make_consumer().run()),
        ):

            async def asked() -> bool:
                return rebuilds == ["probe"]

            await eventually(asked)
            await publish_started(database, "after")

            async def both_go_on() -> bool:
                return (await effects(database)).count("after") == 2

            await eventually(both_go_on)
        assert rebuilds == ["probe"]
        told = [fields for _, fields in await redis.xrange(STREAM) if GAP_FIELD in fields]
        assert [each[GAP_FIELD] for each in told] in ([], [b"probe"]), "trimmed, or told once"

    async def test_within_the_outboxs_days_nobody_does(
        self,
        database: Database,
        make_relay: MakeRelay,
        make_consumer: MakeConsumer,
        rebuilds: list[str],
    ) -> None:
        relay = make_relay()
        await read_one(database, relay, make_consumer)
        await publish_many(database, relay)
        await trim(relay)
        async with running(relay.run()), running(make_consumer().run()):
            await eventually(all_had_their_effect(database))
        assert rebuilds == []
