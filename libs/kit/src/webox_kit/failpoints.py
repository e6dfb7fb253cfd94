"""Places where a test can make the process die at once, as kill -9 would.

`WEBOX_FAILPOINT=chat.after_commit` arms one, and only under `WEBOX_TESTING=1`. With
`WEBOX_FAILPOINT_FILE`, the process dies only while that file exists and removes it first,
so that the process that follows lives.
"""

import os
import signal
from pathlib import Path


def failpoint(name: str) -> None:
    """Die here if this failpoint is armed."""
    if os.environ.get("WEBOX_FAILPOINT") != name or os.environ.get("WEBOX_TESTING") != "1":
        return
    once = os.environ.get("WEBOX_FAILPOINT_FILE")
    if once:
        try:
            Path(once).unlink()
        except FileNotFoundError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
