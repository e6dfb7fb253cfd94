"""The wall clock, as one process has it.

For what a process tells of now, and for the lifetimes of what it signs. What another process
compares is the database's time or Redis's: leases, expiry, months, circuits.

A test sets the clocks of running programs wrong: under `WEBOX_TESTING=1` a file in the folder
`WEBOX_CLOCK_OFFSETS`, named by a process group's id, says by how many seconds.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path


def timestamp() -> float:
    """Seconds since 1970."""
    return time.time() + _offset()


def now() -> datetime:
    return datetime.fromtimestamp(timestamp(), UTC)


def _offset() -> float:
    folder = os.environ.get("WEBOX_CLOCK_OFFSETS")
    if not folder or os.environ.get("WEBOX_TESTING") != "1":
        return 0.0
    try:
        return float(Path(folder, str(os.getpgrp())).read_text())
    except FileNotFoundError:
        return 0.0
