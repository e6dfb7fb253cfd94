"""How far the index is behind: the age of the oldest event that is not yet searchable."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from fastapi import Request, Response
from redis.asyncio import Redis

from webox_contracts.events import Event
from webox_kit import clock
from webox_kit.brief_redis import BriefRedis, RedisAwayError
from webox_kit.ops import consumer_group
from webox_kit.streams import EVENT_FIELD, stream_key
from webox_search.metrics import LAG

LAG_HEADER = "X-Search-Lag-Ms"
LAG_DESCRIBED = {
    "description": "Age of the oldest event that is not yet searchable, in ms; 0 when caught up.",
    "schema": {"type": "integer"},
}
LOOK_SECONDS = 0.25
_KNOWN_FOR_SECONDS = 5.0
"""Without a newer look, as while Redis is away, the lag is not known any more."""


class LagWatch:
    """Looks at the streams every quarter of a second, so that no search waits for Redis.

    An event counts from when it happened, once it is published, until `search` acknowledges it:
    which is after the commit of the index.
    """

    def __init__(self, redis: Redis, service: str, streams: Sequence[str]) -> None:
        self._redis = BriefRedis(redis)
        self._service = service
        self._streams = streams
        self._oldest: datetime | None = None
        self._looked_at = float("-inf")

    @property
    def lag(self) -> timedelta | None:
        """Nothing when caught up; None while it is not known."""
        if time.monotonic() - self._looked_at > _KNOWN_FOR_SECONDS:
            return None
        if self._oldest is None:
            return timedelta(0)
        return max(timedelta(0), clock.now() - self._oldest)

    async def run(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        try:
            waiting = [
                await self._redis.run(partial(oldest, stream=name, group=self._service))
                for name in self._streams
            ]
        except RedisAwayError:
            pass
        else:
            self._oldest = min((each for each in waiting if each is not None), default=None)
            self._looked_at = time.monotonic()
        lag = self.lag
        LAG.set(float("nan") if lag is None else lag.total_seconds())


async def tell_lag(request: Request, response: Response) -> None:
    """The header of an answer, where the lag is known."""
    lag = request.app.state.lag.lag
    if lag is not None:
        response.headers[LAG_HEADER] = str(milliseconds(lag))


def milliseconds(lag: timedelta) -> int:
    return round(lag.total_seconds() * 1000)


async def oldest(redis: Redis, stream: str, group: str) -> datetime | None:
    """When the oldest event of the stream happened that the group has not acknowledged."""
    key = stream_key(stream)
    pending, first_unread = await _place(redis, stream, group)
    entries = await redis.xrange(key, pending, pending) if pending else []
    if not entries:
        # What was trimmed while it was pending is no event any more.
        entries = await redis.xrange(key, first_unread, "+", count=1)
    return _happened(*entries[0]) if entries else None


async def _place(redis: Redis, stream: str, group: str) -> tuple[bytes | None, bytes]:
    """The oldest pending entry's id, and where what was never read begins."""
    found = await consumer_group(redis, group, stream)
    if found is None:
        return None, b"-"
    pending = None
    if found["pending"]:
        pending = (await redis.xpending(stream_key(stream), group))["min"]
    return pending, b"(" + found["last-delivered-id"]


def _happened(entry_id: Any, fields: Any) -> datetime:
    """By the event itself, or by its place in the stream where it cannot be read."""
    try:
        return Event.model_validate_json(fields[EVENT_FIELD]).time
    except (KeyError, ValueError):
        return datetime.fromtimestamp(int(entry_id.partition(b"-")[0]) / 1000, UTC)
