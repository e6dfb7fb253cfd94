"""Redis for what is better done without it than late."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from webox_kit.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

LONGEST_ANSWER_SECONDS = 0.5
AWAY_SECONDS = 1.0


class RedisAwayError(Exception):
    """Redis did not answer in time, just now or within the last second."""


class BriefRedis:
    """Waits half a second at most; who failed once is left alone for a second."""

    def __init__(self, redis: Redis | None) -> None:
        """None is a Redis that is always away."""
        self._redis = redis
        self._away_until = 0.0

    @property
    def away(self) -> bool:
        """Whether a command would fail at once."""
        return self._redis is None or time.monotonic() < self._away_until

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """What `command(redis)` answers.

        Raises:
            RedisAwayError: it does not, in time.
        """
        if self._redis is None or self.away:
            raise RedisAwayError
        try:
            async with asyncio.timeout(LONGEST_ANSWER_SECONDS):
                return await command(self._redis)
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("doing without Redis", error=type(error).__name__)
            raise RedisAwayError from error
