"""Hints between processes that something changed, over Redis pub/sub.

A hint may be lost: whoever waits for one looks again after a while by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from webox_kit.cancellation import cancel_and_wait
from webox_kit.logs import get_logger

log = get_logger(__name__)

_RECONNECT_SECONDS = 0.5


def _channel(topic: str) -> str:
    return f"webox:signal:{topic}"


async def send_signal(redis: Redis, topic: str, key: object) -> None:
    """Hint that `key` changed; an unreachable Redis is no error."""
    try:
        await redis.publish(_channel(topic), str(key))
    except RedisError as error:
        log.warning("signal not sent", topic=topic, error=type(error).__name__)


class SignalListener:
    """One subscription of this process to `topic`, shared by all that wait."""

    def __init__(self, redis: Redis, topic: str) -> None:
        """`redis` must be a blocking connection (`streams.connect_blocking`)."""
        self._redis = redis
        self._topic = topic
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            await cancel_and_wait(self._task)

    @contextmanager
    def expect(self, key: object) -> Iterator["Signal"]:
        """Within the block, signals for `key` are caught."""
        event = asyncio.Event()
        self._waiting[str(key)].add(event)
        try:
            yield Signal(event)
        finally:
            self._waiting[str(key)].discard(event)
            if not self._waiting[str(key)]:
                del self._waiting[str(key)]

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(_channel(self._topic))
                    async for message in pubsub.listen():
                        self._notify(message["data"].decode())
            except (RedisError, OSError):
                await asyncio.sleep(_RECONNECT_SECONDS)

    def _notify(self, key: str) -> None:
        for event in self._waiting.get(key, ()):
            event.set()


class Signal:
    """A caught signal."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, seconds: float) -> bool:
        """Whether a signal came within `seconds`; look again either way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        came = self._event.is_set()
        self._event.clear()
        return came
