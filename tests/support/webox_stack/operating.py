"""What an operator does to a running Webox's programs with the supervisor's own command."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

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


def _control(webox: Stack, action: str, *names: str) -> None:
    password = (webox.home.keys / "supervisor-password").read_text("ascii").strip()
    address = ["-s", f"unix://{webox.home.supervisor_socket}", "-u", USER, "-p", password]
    group = {name: SERVERS if name in SERVER_PROGRAMS else WEBOX for name in names}
    subprocess.run(
        [program("supervisorctl"), *address, action, *(f"{group[each]}:{each}" for each in names)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
