"""`after-restore` and `caught-up`: a database that is older than Redis and the clock."""

from datetime import timedelta

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
    titles_in_stream,
)

from webox_kit.database import Database, Session
from webox_kit.errors import ConfigurationError
from webox_kit.relay import Relay
from webox_kit.restoring import make_ready
from webox_kit.testing import RunCommand, eventually

WEEK = timedelta(days=7)
PACKAGE = "webox_probe"
TOO_OLD = "INSERT INTO inbox VALUES ('probe', 'too old', now() - interval '9 days')"
UNPUBLISHED = "SELECT 1 FROM outbox WHERE published_at IS NULL"


@pytest.fixture
def relay(database: Database, redis: Redis) -> Relay:
    return Relay(database, redis, SOURCE, kept=WEEK)


async def execute(database: Database, statement: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(statement))


async def months_pass(database: Database) -> None:
    """Between the backup and its return."""
    await execute(database, "UPDATE outbox SET created_at = now() - interval '90 days'")
    await execute(database, "UPDATE inbox SET received_at = now() - interval '90 days'")


class TestAfterRestore:
    async def test_what_was_published_is_published_again_to_the_very_same_redis(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        """Which is newer than the database: neither its epoch nor its last entry tells."""
        await publish_started(database, "one", "two")
        await relay.publish_pending()
        await months_pass(database)
        await make_ready(database, PACKAGE, None)
        await publish_started(database, "after")
        await relay.publish_pending()
        assert await titles_in_stream(redis) == ["one", "two", "one", "two", "after"]

    async def test_and_kept_a_week_more_however_old_it_is(
        self, database: Database, redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "one")
        await relay.publish_pending()
        await months_pass(database)
        await make_ready(database, PACKAGE, None)
        await relay.publish_pending()
        await relay.trim()
        await redis.flushdb()
        await relay.publish_pending()
        assert await titles_in_stream(redis) == ["one"]

    async def test_what_had_its_effect_has_no_second_one(
        self, database: Database, redis: Redis, blocking_redis: Redis, relay: Relay
    ) -> None:
        await publish_started(database, "seen")
        await relay.publish_pending()
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, "seen"))
        await redis.flushdb()
        await months_pass(database)
        await make_ready(database, PACKAGE, None)
        await execute(database, TOO_OLD)
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: old_ids_are_forgotten(database))
            await publish_started(database, "after")
            await relay.publish_pending()
            await eventually(lambda: effects_contain(database, "after"))
        assert await effects(database) == ["seen", "after"]

    async def test_the_service_does_its_own_part_too_or_nothing_is_done(
        self, database: Database, relay: Relay
    ) -> None:
        async def fail(_: Session) -> None:
            raise RuntimeError

        await publish_started(database, "one")
        await relay.publish_pending()
        with pytest.raises(RuntimeError):
            await make_ready(database, PACKAGE, fail)
        assert await rows(database, UNPUBLISHED) == []

    async def test_refuses_a_database_of_a_newer_version(self, database: Database) -> None:
        await execute(database, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(ConfigurationError, match="at migration 9999, of a newer Webox"):
            await make_ready(database, PACKAGE, None)

    async def test_migrates_one_of_an_older_version(self, empty_database_url: str) -> None:
        database = Database(empty_database_url)
        await make_ready(database, PACKAGE, None)
        assert await rows(database, "SELECT title, size FROM effect") == []
        await database.close()


async def old_ids_are_forgotten(database: Database) -> bool:
    return await rows(database, "SELECT 1 FROM inbox WHERE event_id = 'too old'") == []


class TestCaughtUp:
    async def test_says_what_is_left_when_the_time_is_over(
        self, database: Database, relay: Relay, run_command: RunCommand
    ) -> None:
        await publish_started(database, "one", "two")
        waiting = await run_command("caught-up", "--wait", "0")
        assert waiting.exit_code == 1
        assert "probe has not caught up: 2 events to publish." in waiting.output
        await relay.publish_pending()
        waiting = await run_command("caught-up", "--wait", "0")
        assert "probe has not caught up: 2 events of chat." in waiting.output

    async def test_ends_when_all_is_applied(
        self, database: Database, blocking_redis: Redis, relay: Relay, run_command: RunCommand
    ) -> None:
        await publish_started(database, "one")
        async with running(relay.run()), running(make_consumer(database, blocking_redis).run()):
            done = await run_command("caught-up", "--wait", "10")
            assert done.exit_code == 0, done.output
            assert await effects(database) == ["one"]
