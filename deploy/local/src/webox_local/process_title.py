"""How a forked program is called in `ps` and `top`."""

import ctypes
import sys
from pathlib import Path

PR_SET_NAME = 15
# Positions in /proc/PID/stat after the name in parentheses; see proc_pid_stat(5).
ARG_START, ARG_END = 45, 46


def set_process_title(title: str) -> None:
    """Writes `title` over this process's command line, cut where that ends. Linux only.

    The environment behind it stays as it is: `leftovers` reads there whose program it is.
    """
    if sys.platform != "linux":
        return
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    start, end = int(fields[ARG_START]), int(fields[ARG_END])
    room = end - start - 1
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, title.encode()[:room], min(len(title.encode()), room))
    ctypes.CDLL(None).prctl(PR_SET_NAME, title.encode()[:15], 0, 0, 0)
