"""What `webox` says to the person who called it."""

import contextlib
import os
import shutil
import sys
from pathlib import Path


def say(line: str) -> None:
    """Prints `line`; that nobody listens any more is no reason to stop."""
    with contextlib.suppress(OSError):
        print(line, flush=True)  # noqa: T201 - the one place that prints


def progress(step: str) -> None:
    """Says `step` to a person at a terminal, and nothing into a pipe."""
    if sys.stdout.isatty():
        say(f"  {step}")


def step(line: str) -> None:
    """Says `line` on standard error: how far a command is whose result goes elsewhere."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - as above


def own_command() -> str:
    """How the user can call `webox` from where they are."""
    mine = Path(sys.argv[0]).absolute()
    found = shutil.which("webox")
    if found and Path(found).absolute() == mine:
        return "webox"
    relative = os.path.relpath(mine)
    return relative if len(relative) < len(str(mine)) else str(mine)
