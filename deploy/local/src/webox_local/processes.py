"""Starting, recognising and ending programs of this machine."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil


class Finished(NamedTuple):
    """`output` is what the program said, on standard output and standard error."""

    exit_code: int
    output: str


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Finished:
    """Runs `command` to its end; an exception meanwhile ends it with all it has started."""
    with subprocess.Popen(  # noqa: S603 - every command is built by this package, without a shell
        list(command),
        env=env,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Finished(process.returncode, output)


def start(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Starts `command` in a session of its own, so that Ctrl-C reaches only the one who asked.

    What it writes is not readable by other users.
    """
    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - every command is built by this package
            list(command),
            env=env,
            stdin=stdin,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(descriptor)


def process_from_pidfile(pidfile: Path, *, mentions: str) -> psutil.Process | None:
    """The living process whose pid opens `pidfile`, if its command line mentions `mentions`.

    The second condition is there because a pid may have been given to a stranger since.
    """
    try:
        process = psutil.Process(int(pidfile.read_text(encoding="utf-8").split()[0]))
        ours = any(mentions in argument for argument in process.cmdline())
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if ours else None


def end(
    processes: Sequence[psutil.Process],
    *,
    by: signal.Signals = signal.SIGTERM,
    patience: float = 45,
) -> None:
    """Asks `processes` to end, and kills those that have not after `patience` seconds."""
    for process in processes:
        _send(process, by)
    for process in _still_living(processes, patience):
        _send(process, signal.SIGKILL)
    _still_living(processes, 5)


def _still_living(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those of `processes` that have not ended after at most `seconds`."""
    deadline = time.monotonic() + seconds
    while (living := [each for each in processes if lives(each)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return living


def lives(process: psutil.Process) -> bool:
    """Whether it still does anything; a zombie does not, though nobody has asked for its end."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process, what: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(what)
