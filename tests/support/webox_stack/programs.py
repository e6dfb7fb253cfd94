"""The installed commands."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).parents[3]
# Before a test's own limit, which would not say what was waited for.
COMMAND_SECONDS = 110


def program(name: str) -> str:
    """The path of a command of the environment that runs this."""
    return str(Path(sys.executable).parent / name)


async def webox_command(
    home: Path, *arguments: str, limit: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    """An operator's `webox` command, whatever its exit code; `limit` runs in it before it does."""
    return await asyncio.to_thread(
        subprocess.run,
        [program("webox"), *arguments],
        env={**os.environ, "WEBOX_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
        preexec_fn=limit,
    )
