"""Memory that a large answer took, given back to the system.

glibc keeps what is freed between blocks that are still in use, and a process that once answered
thirty megabytes would stay as large for ever (`man 3 malloc_trim`).
"""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_LOOK_SECONDS = 5.0
_WORTH_GIVING_BACK = 32 * 1024 * 1024
_PAGES = Path("/proc/self/statm")


async def give_back_memory(
    *, every_seconds: float = _LOOK_SECONDS, worth_bytes: int = _WORTH_GIVING_BACK
) -> None:
    """For ever: while this process is `worth_bytes` larger than now, have glibc let go.

    Returns at once where there is no glibc.
    """
    trim = _trim()
    if trim is None:
        return
    usual = resident_bytes()
    while True:
        await asyncio.sleep(every_seconds)
        if resident_bytes() > usual + worth_bytes:
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
