"""Reading the programs' logs."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from webox_local.errors import CannotStartError

PAUSE = 0.2
TAIL_BYTES = 1_000_000


def log_files(folder: Path, service: str | None) -> list[Path]:
    """The logs of `service`: of one program, of all a service's programs, or of everything.

    Raises:
        CannotStartError: There is no such log.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if service is None:
        chosen = list(files.values())
    elif service in files:
        chosen = [files[service]]
    else:
        chosen = [path for name, path in files.items() if name.startswith(f"{service}-")]
    if not chosen:
        known = ", ".join(files) or "none yet"
        raise CannotStartError(f"There is no log of {service or 'Webox'}; there are: {known}.")
    return chosen


def last_lines(path: Path, count: int) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-count:] if count else []
    except FileNotFoundError:
        return []


def last_line(path: Path) -> str:
    lines = [line.strip() for line in last_lines(path, 20) if line.strip()]
    return lines[-1] if lines else f"it said nothing in {path}"


class Follower:
    """Gives what is appended to a log, also over its rotation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._file.seek(0, os.SEEK_END)
        self._unfinished = b""

    def new_lines(self) -> Iterator[str]:
        yield from self._read()
        if self._was_rotated():
            self._file.close()
            self._file = self._path.open("rb")
            yield from self._read()

    def _read(self) -> Iterator[str]:
        *lines, self._unfinished = (self._unfinished + self._file.read()).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")

    def _was_rotated(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:  # for a moment, in the middle of it
            return False
        return now.st_ino != os.fstat(self._file.fileno()).st_ino


def follow(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Yields (program, line) for what is appended to the logs from now on, for ever."""
    followers = {path.stem: Follower(path) for path in paths}
    while True:
        for name, follower in followers.items():
            for line in follower.new_lines():
                yield name, line
        time.sleep(PAUSE)
