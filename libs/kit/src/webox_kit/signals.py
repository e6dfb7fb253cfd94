"""Signals between processes over Redis pub/sub: a channel for each thing that someone waits for.

A signal may be lost: whoever listens is told when that can have happened (`None`), and whoever
waits looks again after a while by itself.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from webox_kit.cancellation import cancel_and_wait
from webox_kit.logs import get_logger

log = get_logger(__name__)

Take = Callable[[bytes | None], None]
"""Takes what was sent to a channel; None after a gap in which something may have been."""

_CONNECT_SECONDS = 3.0
_RECONNECT_SECONDS = 0.5
_CONFIRM_SECONDS = 1.0
# Nobody waits longer for a frozen Redis in order to hint.
_SEND_SECONDS = 1.0
# A connection on which not even a ping has come back for so long is half open.
_PING_SECONDS = 10.0


def signal_channel(redis: Redis, topic: str, key: object) -> bytes:
    """Redis has the same channels in all its databases: ours are told apart by their names."""
    database = redis.connection_pool.connection_kwargs.get("db", 0)
    return f"webox:signal:{database}:{topic}:{key}".encode()


async def send_signal(redis: Redis, topic: str, key: object, payload: bytes = b"") -> None:
    """Tell who listens to `key` of `topic`; an unreachable Redis is no error."""
    await send_signals(redis, topic, {key: payload})


async def send_signals(redis: Redis, topic: str, payloads: Mapping[Any, bytes]) -> None:
    """The same for several keys, in one round trip."""
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            await _publish(
                redis,
                [(signal_channel(redis, topic, key), each) for key, each in payloads.items()],
            )
    except (RedisError, OSError) as error:
        log.warning("signal not sent", topic=topic, error=type(error).__name__)


async def _publish(redis: Redis, signals: Sequence[tuple[bytes, bytes]]) -> None:
    if len(signals) == 1:
        # A pipeline of redis-py's takes twice as long to begin with.
        await redis.publish(*signals[0])
        return
    async with redis.pipeline(transaction=False) as pipeline:
        for channel, payload in signals:
            pipeline.publish(channel, payload)
        await pipeline.execute()


class Signals:
    """The subscription of this process, shared by all that listen.

    redis-py's PubSub takes four times as long for a message, in which it counts and retries.
    """

    def __init__(self, redis: Redis) -> None:
        """`redis` must be a blocking connection (`streams.connect_blocking`)."""
        self._redis = redis
        self._listeners: dict[bytes, list[Take]] = defaultdict(list)
        self._confirmed: dict[bytes, asyncio.Event] = {}
        self._connection: Any = None
        self._heard = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._listen_for_ever()),
            asyncio.create_task(self._ping_for_ever()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel_and_wait(*self._tasks)

    @asynccontextmanager
    async def listening(self, topic: str, key: object, take: Take) -> AsyncIterator[None]:
        """Within the block, what is sent to `key` of `topic` goes to `take`."""
        channel = signal_channel(self._redis, topic, key)
        takers = self._listeners[channel]
        takers.append(take)
        try:
            if len(takers) == 1:
                self._confirmed[channel] = asyncio.Event()
                await self._command("SUBSCRIBE", channel)
            yield
        finally:
            takers.remove(take)
            if not takers:
                del self._listeners[channel], self._confirmed[channel]
                await self._command("UNSUBSCRIBE", channel)

    async def confirmed(self, topic: str, key: object) -> bool:
        """Within `listening`: whether nothing sent from now on will be missed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONFIRM_SECONDS):
                await self._confirmed[signal_channel(self._redis, topic, key)].wait()
                return True
        return False

    @asynccontextmanager
    async def expect(self, topic: str, key: object) -> AsyncIterator["Signal"]:
        """Within the block, signals for `key` of `topic` are caught."""
        event = asyncio.Event()
        async with self.listening(topic, key, lambda _: event.set()):
            yield Signal(event)

    async def _command(self, *command: str | bytes) -> None:
        """A connection that is away or breaks subscribes to everything once it is back."""
        if self._connection is not None:
            with suppress(RedisError, OSError):
                await self._connection.send_command(*command, check_health=False)

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError):
                pass
            except Exception:
                # Whatever it was, this process must not go deaf for good.
                log.exception("listening failed")
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self) -> None:
        pool: Any = self._redis.connection_pool
        # A server that accepts and says nothing would hold it up for ever.
        async with asyncio.timeout(_CONNECT_SECONDS):
            connection: Any = await pool.get_connection()
        try:
            # Whoever comes from here on subscribes by itself, after these.
            self._connection, channels = connection, list(self._listeners)
            # A subscription to nothing would end; nobody sends to this one.
            idle = signal_channel(self._redis, "", "")
            await connection.send_command("SUBSCRIBE", idle, *channels)
            for channel in channels:
                self._tell(channel, None)
            while True:
                self._read(await connection.read_response(timeout=math.inf, push_request=True))
        finally:
            self._connection = None
            for confirmed in self._confirmed.values():
                confirmed.clear()
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    def _read(self, response: Any) -> None:
        self._heard = True
        if not isinstance(response, list):
            return
        if response[0] == b"message":
            self._tell(response[1], response[2])
        elif response[0] == b"subscribe" and response[1] in self._confirmed:
            self._confirmed[response[1]].set()

    def _tell(self, channel: bytes, payload: bytes | None) -> None:
        for take in tuple(self._listeners.get(channel, ())):
            try:
                take(payload)
            except Exception:
                # Of what one cannot take, e.g. another version's, nobody else is to go deaf.
                log.exception("a signal could not be taken")

    async def _ping_for_ever(self) -> None:
        while True:
            connection, self._heard = self._connection, False
            await self._command("PING")
            await asyncio.sleep(_PING_SECONDS)
            if connection is not None and connection is self._connection and not self._heard:
                await connection.disconnect(nowait=True)


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
