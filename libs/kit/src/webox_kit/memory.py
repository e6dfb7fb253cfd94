"""Memory that a large answer took, given back to the system.

A process that once answered thirty megabytes would stay as large: Python's collector looks at what
has lived for long after many new objects only, so hardly ever in a process at rest, and glibc keeps
what is freed between blocks that are still in use (`man 3 malloc_trim`).
"""

import asyncio
import ctypes
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

_LOOK_SECONDS = 5.0
# It stops everything else for some hundredths of a second.
_COLLECT_AT_MOST_EVERY_SECONDS = 20.0
_WORTH_GIVING_BACK = 32 * 1024 * 1024
_PAGES = Path("/proc/self/statm")


async def give_back_memory(
    *, every_seconds: float = _LOOK_SECONDS, worth_bytes: int = _WORTH_GIVING_BACK
) -> None:
    """For ever: while this process is `worth_bytes` larger than now, collect and have glibc let go.

    Returns at once where there is no glibc.
    """
    trim = _trim()
    if trim is None:
        return
    usual, collected = resident_bytes(), float("-inf")
    while True:
        await asyncio.sleep(every_seconds)
        if resident_bytes() <= usual + worth_bytes:
            continue
        if time.monotonic() - collected > _COLLECT_AT_MOST_EVERY_SECONDS:
            gc.collect()
            collected = time.monotonic()
        await asyncio.to_thread(trim, 0)


def resident_bytes() -> int:
    """What of this process is in memory."""
    return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return None
    return found if _PAGES.exists() else None
