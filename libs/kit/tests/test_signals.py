import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from webox_kit.signals import Signals, send_signal, signal_channel
from webox_kit.testing import eventually


@pytest.fixture
async def topic(request: pytest.FixtureRequest) -> str:
    """Of this test's own: channels are not per database."""
    return f"kit:{request.node.name}"


@pytest.fixture
async def signals(blocking_redis: Redis, redis: Redis, topic: str) -> AsyncIterator[Signals]:
    """With a connection."""
    async with Signals(blocking_redis) as signals:

        async def hears() -> bool:
            async with signals.expect(topic, "ready") as signal:
                await send_signal(redis, topic, "ready")
                return await signal.wait(0.05)

        await eventually(hears)
        yield signals


async def _is(taken: list[bytes | None], wanted: list[bytes | None]) -> bool:
    return taken == wanted


class TestExpecting:
    async def test_all_that_expect_the_key_are_reached_and_nobody_else(
        self, signals: Signals, redis: Redis, topic: str
    ) -> None:
        async with (
            signals.expect(topic, 1) as first,
            signals.expect(topic, 1) as second,
            signals.expect(topic, 2) as other,
        ):
            assert await signals.confirmed(topic, 1)
            await send_signal(redis, topic, 1)
            assert await asyncio.gather(first.wait(2), second.wait(2)) == [True, True]
            assert await other.wait(0.05) is False

    async def test_one_that_came_before_the_wait_is_not_lost(
        self, signals: Signals, redis: Redis, topic: str
    ) -> None:
        async with signals.expect(topic, 1) as signal, signals.expect(topic, "after") as after:
            assert await signals.confirmed(topic, "after")
            await send_signal(redis, topic, 1)
            await send_signal(redis, topic, "after")
            await after.wait(2)
            assert await signal.wait(0) is True
            assert await signal.wait(0.02) is False, "seen once"

    async def test_other_topics_are_not_heard(
        self, signals: Signals, redis: Redis, topic: str
    ) -> None:
        async with signals.expect(topic, 1) as signal:
            assert await signals.confirmed(topic, 1)
            await send_signal(redis, f"{topic}:else", 1)
            assert await signal.wait(0.05) is False


class TestWhatCannotBeTaken:
    async def test_the_others_hear_it_and_what_comes_after(
        self, signals: Signals, redis: Redis, topic: str
    ) -> None:
        def stumble(_: bytes | None) -> None:
            raise ValueError("another version's")

        async with (
            signals.listening(topic, 1, stumble),
            signals.expect(topic, 1) as other,
        ):
            assert await signals.confirmed(topic, 1)
            for _ in range(2):
                await send_signal(redis, topic, 1)
                assert await other.wait(2) is True


class TestDatabases:
    async def test_another_database_of_the_same_redis_is_not_heard(
        self, signals: Signals, redis: Redis, topic: str
    ) -> None:
        kwargs = redis.connection_pool.connection_kwargs
        other = Redis(unix_socket_path=kwargs["path"], password=kwargs["password"], db=0)
        async with signals.expect(topic, 1) as signal:
            assert await signals.confirmed(topic, 1)
            await send_signal(other, topic, 1)
            assert await signal.wait(0.05) is False
        await other.aclose()


class TestListening:
    async def test_payloads_come_in_order(self, signals: Signals, redis: Redis, topic: str) -> None:
        taken: list[bytes | None] = []
        async with signals.listening(topic, 1, taken.append):
            assert await signals.confirmed(topic, 1)
            for number in range(100):
                await send_signal(redis, topic, 1, b"%d" % number)

            wanted = [b"%d" % number for number in range(100)]
            await eventually(lambda: _is(taken, wanted))

    async def test_one_that_leaves_does_not_take_the_others_with_it(
        self, signals: Signals, redis: Redis, topic: str
    ) -> None:
        taken: list[bytes | None] = []
        async with signals.listening(topic, 1, taken.append):
            async with signals.expect(topic, 1):
                pass
            assert await signals.confirmed(topic, 1)
            await send_signal(redis, topic, 1, b"after")

            await eventually(lambda: _is(taken, [b"after"]))
        channel = signal_channel(redis, topic, 1)
        assert await redis.pubsub_numsub(channel) == [(channel, 0)]

    async def test_a_lost_connection_is_told(
        self, signals: Signals, redis: Redis, topic: str
    ) -> None:
        taken: list[bytes | None] = []
        async with signals.listening(topic, 1, taken.append):
            assert await signals.confirmed(topic, 1)
            await redis.client_kill_filter(_type="pubsub")

            await eventually(lambda: _is(taken, [None]))
            assert await signals.confirmed(topic, 1)
            await send_signal(redis, topic, 1, b"again")

            await eventually(lambda: _is(taken, [None, b"again"]))
