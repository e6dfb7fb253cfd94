import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from webox_kit.signals import SignalListener, send_signal
from webox_kit.testing import eventually


@pytest.fixture
async def topic(request: pytest.FixtureRequest) -> str:
    """Of this test's own: channels are not per database."""
    return f"kit:{request.node.name}"


@pytest.fixture
async def listener(
    blocking_redis: Redis, redis: Redis, topic: str
) -> AsyncIterator[SignalListener]:
    """One that has subscribed."""
    async with SignalListener(blocking_redis, topic) as listener:

        async def hears() -> bool:
            with listener.expect("ready") as signal:
                await send_signal(redis, topic, "ready")
                return await signal.wait(0.05)

        await eventually(hears)
        yield listener


class TestSignals:
    async def test_reach_all_that_expect_the_key_and_nobody_else(
        self, listener: SignalListener, redis: Redis, topic: str
    ) -> None:
        with (
            listener.expect(1) as first,
            listener.expect(1) as second,
            listener.expect(2) as other,
        ):
            await send_signal(redis, topic, 1)
            assert await asyncio.gather(first.wait(2), second.wait(2)) == [True, True]
            assert await other.wait(0.05) is False

    async def test_one_that_came_before_the_wait_is_not_lost(
        self, listener: SignalListener, redis: Redis, topic: str
    ) -> None:
        with listener.expect(1) as signal, listener.expect("after") as after:
            await send_signal(redis, topic, 1)
            await send_signal(redis, topic, "after")
            await after.wait(2)
            assert await signal.wait(0) is True
            assert await signal.wait(0.02) is False, "seen once"

    async def test_other_topics_are_not_heard(
        self, listener: SignalListener, redis: Redis, topic: str
    ) -> None:
        with listener.expect(1) as signal:
            await send_signal(redis, f"{topic}:else", 1)
            assert await signal.wait(0.05) is False
