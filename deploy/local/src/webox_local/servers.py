"""PostgreSQL and Redis together, for as long as a `with` block lasts."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from webox_local import processes
from webox_local.postgres import PostgresServer, check_may_run
from webox_local.redis_server import RedisServer
from webox_local.waiting import until_answering


@dataclass(frozen=True)
class Servers:
    postgres: PostgresServer
    redis: RedisServer

    @classmethod
    def of(cls, home: Path, *, forgetful: bool = False) -> "Servers":
        return cls(
            PostgresServer(home, forgetful=forgetful), RedisServer(home, forgetful=forgetful)
        )

    def end_leftovers(self, *, patience: float = 45) -> bool:
        """Ends the servers of this home that still run, whoever started them.

        Returns:
            Whether there were any.
        """
        found = False
        for server in (self.postgres, self.redis):
            if process := server.leftover():
                processes.end([process], by=server.stop_signal, patience=patience)
                found = True
        return found


@contextlib.contextmanager
def running_servers(home: Path, *, forgetful: bool = True) -> Iterator[Servers]:
    """Runs both servers of `home`, yields them once they answer, and ends them.

    Args:
        home: An existing folder of this user; their data stays in it.
        forgetful: Trade durability for speed, as a test wants it.

    Raises:
        CannotStartError: One of them cannot run here, or ended at once.
    """
    check_may_run()
    servers = Servers.of(home, forgetful=forgetful)
    servers.end_leftovers()
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(_running(server, home / f"{name}.log"))
            for name, server in (("redis", servers.redis), ("postgres", servers.postgres))
        ]
        until_answering(
            {"Redis": servers.redis.problem, "PostgreSQL": servers.postgres.problem},
            ended=lambda: _last_words(started, home),
        )
        yield servers


@contextlib.contextmanager
def _running(server: PostgresServer | RedisServer, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    server.prepare()
    process = processes.start(server.command(), log=log)
    try:
        yield process
    finally:
        process.send_signal(server.stop_signal)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_words(started: list[subprocess.Popen[bytes]], home: Path) -> str | None:
    if all(process.poll() is None for process in started):
        return None
    return f"A server ended at once; the reason is in {home}/postgres.log or {home}/redis.log."
