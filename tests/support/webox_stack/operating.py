"""What befalls the programs of a running Webox by its supervisor's command, or its machine."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from webox_local.supervision import SERVERS, USER, WEBOX
from webox_stack.programs import program
from webox_stack.stack import Stack

SERVER_PROGRAMS = {"postgres", "redis"}


@contextmanager
def stopped(webox: Stack, *names: str) -> Iterator[None]:
    """Within the block the programs are not there, and nobody starts them again."""
    _control(webox, "stop", *names)
    try:
        yield
    finally:
        _control(webox, "start", *names)


@contextmanager
def full_disk(webox: Stack, name: str) -> Iterator[None]:
    """Within the block nothing that the program writes to a file has room."""
    group = webox.pids()[name]
    before = resource.prlimit(group, resource.RLIMIT_FSIZE)
    _limit_files(group, (0, before[1]))
    try:
        yield
    finally:
        _limit_files(group, before)


def _limit_files(group: int, limits: tuple[int, int]) -> None:
    for process in psutil.pids():
        with suppress(ProcessLookupError):
            if os.getpgid(process) == group:
                resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


def _control(webox: Stack, action: str, *names: str) -> None:
    password = (webox.home.keys / "supervisor-password").read_text("ascii").strip()
    address = ["-s", f"unix://{webox.home.supervisor_socket}", "-u", USER, "-p", password]
    group = {name: SERVERS if name in SERVER_PROGRAMS else WEBOX for name in names}
    subprocess.run(
        [program("supervisorctl"), *address, action, *(f"{group[each]}:{each}" for each in names)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
