"""Waiting for what happens elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.05


async def eventually(check: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """Repeats `check` until all it asserts and unpacks is there, and returns what it returns.

    Raises:
        AssertionError, ValueError: What was still missing when `seconds` were over.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await check()
        except (AssertionError, ValueError):
            if loop.time() > deadline:
                raise
        await asyncio.sleep(PAUSE_SECONDS)
