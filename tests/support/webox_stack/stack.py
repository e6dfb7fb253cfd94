"""`webox up` as a subprocess, on a home of its own."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis

from webox_local.home import Home
from webox_local.servers import Servers
from webox_local.supervision import Supervisor
from webox_stack.logs import Logs
from webox_stack.programs import program, webox_command

ADMIN = "admin@webox.local"
# What a start needs of the environment of whoever runs the tests; no key of theirs gets in.
INHERITED = ("HOME", "LANG", "PATH", "TMPDIR", "WEBOX_REDIS_SERVER")
START_SECONDS = 180
STOP_SECONDS = 110


@dataclass(frozen=True)
class Stack:
    """A Webox that runs; `killed` are the processes it was robbed of."""

    url: str
    admin_password: str | None
    home: Home
    logs: Logs
    process: subprocess.Popen[bytes]
    clocks: Path
    killed: set[int] = field(default_factory=set)

    def pids(self) -> dict[str, int]:
        """The main process of every program that is up, by the program's name."""
        return {each.name: each.pid for each in Supervisor(self.home).programs() if each.pid}

    def kill(self, *names: str) -> None:
        """Kills the programs with all their processes, as a crash would."""
        pids = self.pids()
        for name in names:
            os.killpg(pids[name], signal.SIGKILL)
            self.killed.add(pids[name])

    def kill_everything(self) -> None:
        """Kills all that belongs to this start, as if the machine had lost its power."""
        self.killed.add(self.process.pid)
        self.process.kill()
        self.process.wait()
        # What had just been started when one looked is there at the next look.
        while running := self.processes():
            for each in running:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()

    @contextlib.contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Within the block the programs do nothing at all, and do not know it."""
        pids = self.pids()
        for name in names:
            os.killpg(pids[name], signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                os.killpg(pids[name], signal.SIGCONT)

    @contextlib.contextmanager
    def clocks_off(self, seconds: float, *names: str) -> Iterator[None]:
        """Within the block the programs' clocks are so many seconds ahead of everybody's."""
        pids = self.pids()
        files = [self.clocks / str(pids[name]) for name in names]
        for file in files:
            file.write_text(str(seconds))
        try:
            yield
        finally:
            for file in files:
                file.unlink()

    def processes_of(self, service: str) -> list[str]:
        """The names of a service's programs that are up."""
        return [name for name in self.pids() if name.startswith(f"{service}-")]

    def redis(self, database: int = 0) -> redis.Redis:
        """A connection to the streams and signals; database 1 has the tasks."""
        return redis.Redis.from_url(Servers.of(self.home.folder).redis.url(database))

    def unread(self) -> list[tuple[str, str]]:
        """Streams of events, with the groups that have something to read or to acknowledge yet."""
        with self.redis() as client:
            return [
                (stream.decode(), group["name"].decode())
                for stream in client.scan_iter("webox:events:*")
                for group in client.xinfo_groups(stream)
                # Before Redis 7 there is no lag to ask for.
                if group["pending"]
                or client.xrange(stream, b"(" + group["last-delivered-id"], count=1)
            ]

    async def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """An operator's `webox` command on this Webox, whatever its exit code."""
        return await webox_command(self.home.folder, *arguments)

    def processes(self) -> list[psutil.Process]:
        """Everything on this machine that belongs to this start."""
        run = self.home.last_run()
        assert run is not None
        return [each for each in psutil.process_iter() if _runs_for(each, run.token)]

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        """Asks `webox up` to stop, as Ctrl-C does, and returns its exit code."""
        self.process.send_signal(by)
        return self.process.wait(timeout=STOP_SECONDS)

    def check_clean_end(self) -> None:
        """Ends it unless that has been done, and looks that it ended well and left nothing."""
        if self.process.pid in self.killed:
            return
        code = self.process.poll() if self.process.poll() is not None else self.end()
        assert code == 0, f"`webox up` ended with {code}:\n{self.logs.said()}"
        assert self.processes() == []


@contextlib.contextmanager
def running_stack(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Starts Webox with its home in `folder`, and ends it.

    Args:
        folder: An existing folder; a home that is there already is used again.
        environment: Further variables, such as settings of the services.

    Raises:
        AssertionError: It did not start, or did not end cleanly.
    """
    home = Home(folder / "home")
    logs = Logs(home.logs, folder / "up.log")
    clocks = folder / "clocks"
    clocks.mkdir(exist_ok=True)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with logs.output.open("wb") as output:
        process = subprocess.Popen(
            [program("webox"), "up", "--home", str(home.folder), "--port", "0"],
            env=inherited | {"WEBOX_CLOCK_OFFSETS": str(clocks)} | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(process, logs)
        stack = Stack(_address(logs.said()), _password(logs.said()), home, logs, process, clocks)
        yield stack
        stack.check_clean_end()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=STOP_SECONDS)


def _wait_until_it_answers(process: subprocess.Popen[bytes], logs: Logs) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "Ctrl-C stops" not in logs.said():
        ended = process.poll() is not None or time.monotonic() > deadline
        assert not ended, f"Webox did not start:\n{logs.said()}\n{logs.tail()}"
        time.sleep(0.05)


def _address(said: str) -> str:
    found = re.search(r"Webox answers at (\S+)", said)
    assert found, said
    # `localhost` is also ::1, where nobody listens.
    return found[1].replace("localhost", "127.0.0.1")


def _password(said: str) -> str | None:
    found = re.search(r"with password (\S+)", said)
    return found[1] if found else None


def _runs_for(process: psutil.Process, token: str) -> bool:
    try:
        return (
            process.environ().get("WEBOX_RUN") == token and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False
