"""When a provider is asked again: while nothing was shown, and only for what may pass."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from webox_chat.providers.base import ProviderError, StreamItem, TimeLimits


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently; waits are in seconds.

    A provider's own Retry-After counts if it is at most `longest_wait`; a longer one is final.
    """

    tries: int = 3
    first_wait: float = 0.5
    longest_wait: float = 60.0

    def wait_after(self, attempt: int, error: ProviderError) -> float | None:
        """How long to wait after this attempt (1 is the first); None gives up."""
        if attempt >= self.tries or not error.retryable:
            return None
        if error.retry_after is None:
            wait = self.first_wait * 2.0 ** (attempt - 1)
            return min(wait, self.longest_wait) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if error.retry_after > self.longest_wait:
            return None
        return error.retry_after + self.first_wait * random.random()  # noqa: S311 - jitter


DEFAULT_POLICY = RetryPolicy()


async def with_retries(
    ask_once: Callable[[float], AsyncGenerator[StreamItem]],
    policy: RetryPolicy,
    limits: TimeLimits,
) -> AsyncGenerator[StreamItem]:
    """Calls `ask_once(ends_at)` until an answer begins; all tries share the total time limit.

    Raises:
        ProviderError: of the last try.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + limits.total
    attempt = 0
    while True:
        attempt += 1
        shown = False
        try:
            async with aclosing(ask_once(ends_at)) as items:
                async for item in items:
                    shown = True
                    yield item
        except ProviderError as error:
            wait = None if shown else policy.wait_after(attempt, error)
            if wait is None or loop.time() + wait >= ends_at:
                raise
        else:
            return
        await asyncio.sleep(wait)
