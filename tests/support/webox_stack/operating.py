"""The commands of whoever runs a Webox."""

import asyncio
import os
import subprocess

from webox_stack.programs import program
from webox_stack.stack import Stack


async def webox_command(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`webox` with these arguments, on the home of `stack`, once it has ended."""
    return await asyncio.to_thread(
        subprocess.run,
        [program("webox"), *arguments],
        env={**os.environ, "WEBOX_HOME": str(stack.home.folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
