"""Places where a test can make the process die at once, as kill -9 would.

Only under `WEBOX_TESTING=1`: a process dies at the failpoint whose name is the content of the
file `WEBOX_FAILPOINT_FILE`. So one is armed in running processes by writing its name there. The
process removes the file first, so that only one dies and the process that follows lives.
"""

import os
import signal
from pathlib import Path


def failpoint(name: str) -> None:
    """Die here if this failpoint is armed."""
    file = os.environ.get("WEBOX_FAILPOINT_FILE")
    if not file or os.environ.get("WEBOX_TESTING") != "1":
        return
    try:
        if Path(file).read_text() != name:
            return
        Path(file).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
