"""Waiting for what happens in other tasks and processes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    ask: Callable[[], Awaitable[T]], is_right: Callable[[T], bool], seconds: float = 20
) -> T:
    """Ask again and again until the answer is right; the last answer is in the failure."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if is_right(answer):
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        await asyncio.sleep(0.01)
