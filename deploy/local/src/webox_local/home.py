"""The folder in which an installation on this machine keeps everything."""

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from webox_local.errors import BackupError, CannotStartError
from webox_local.private_files import private_folder, write_private
from webox_local.sockets import socket_folder

FOLDER = ".webox"
SPACE_NEEDED = 300_000_000
# They would mean something in the supervisor's configuration.
UNUSABLE = re.compile(r"""["';#%\\\x00-\x1f]""")


@dataclass(frozen=True)
class Run:
    """What other commands need to know about the start that is going on or was the last.

    `token` is in the environment of every program of that start, and tells them from strangers.
    """

    token: str
    url: str
    ports: dict[str, int]


class Home:
    """The paths inside the folder of an installation; nothing is made before `make`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.logs = folder / "logs"
        self.index = folder / "index"
        self.exports = folder / "exports"
        self.supervisor_configuration = folder / "supervisord.conf"
        self.supervisor_pidfile = folder / "supervisord.pid"
        self.lock = folder / "up.lock"
        self.run_file = folder / "run.json"
        self.admin_made = folder / "admin-made"
        self.backup_lock = folder / "backup.lock"

    @property
    def supervisor_socket(self) -> Path:
        return socket_folder(self.folder) / "supervisor.sock"

    def make(self) -> None:
        """Makes the folders that are missing.

        Raises:
            CannotStartError: The folder cannot be made or written to, or its disk is full.
        """
        if UNUSABLE.search(str(self.folder)):
            raise CannotStartError(
                f"The path {str(self.folder)!r} holds a quote, backslash, percent sign, semicolon, "
                "hash or control character: choose another folder with --home or WEBOX_HOME."
            )
        private_folder(self.folder)
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise CannotStartError(f"The folder {self.folder} is not writable.")
        self._check_space()
        try:
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise CannotStartError(
                f"The folder {self.folder} cannot be written to: {error.strerror}."
            ) from error
        for folder in (self.keys, self.logs, self.index, self.exports):
            private_folder(folder)

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < SPACE_NEEDED:
            raise CannotStartError(
                f"Only {free // 1_000_000} MB are free on the disk of {self.folder}; "
                f"Webox needs {SPACE_NEEDED // 1_000_000} MB."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock of `webox up`; the kernel gives it back however the process ends.

        Raises:
            CannotStartError: Another `webox up` holds it.
        """
        with self.lock.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CannotStartError(self._runs_already()) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the lock of `webox backup` and `webox restore`.

        Raises:
            BackupError: Another of them holds it.
        """
        with self.backup_lock.open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupError(
                    f"Another backup or restore of {self.folder} is going on: wait for its end."
                ) from error
            yield

    def holder(self) -> int | None:
        """The pid of the `webox up` that runs now, if there is one."""
        try:
            with self.lock.open("r", encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return None

    def _runs_already(self) -> str:
        run = self.last_run()
        at = f" at {run.url}" if run else ""
        return (
            f"Webox runs already{at} (pid {self.holder()}, folder {self.folder}): "
            "`webox down` stops it."
        )

    def begin_run(self, url: str, ports: dict[str, int]) -> Run:
        """Writes down a start that begins now."""
        run = Run(secrets.token_urlsafe(16), url, ports)
        write_private(self.run_file, json.dumps(asdict(run)))
        return run

    def last_run(self) -> Run | None:
        try:
            return Run(**json.loads(self.run_file.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None


def find_home(named: str | None, current: Path) -> Home:
    """The home `named`, else the `.webox` of `current` or of the nearest folder above it."""
    if named:
        return Home(current / Path(named).expanduser())
    for folder in (current, *current.parents):
        if (folder / FOLDER).is_dir():
            return Home(folder / FOLDER)
    return Home(current / FOLDER)
