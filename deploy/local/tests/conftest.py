import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from webox_local.home import Home
from webox_local.leftovers import end_leftovers
from webox_local.programs import LISTENING
from webox_local.servers import Servers
from webox_local.sockets import tidy_socket_folder

DRIVER = """
import sys
from pathlib import Path
from webox_local import cli, launcher, programs  # the launcher keeps knowing the real ones
programs.SCRIPTS = Path(sys.argv.pop(1))
cli.main(prog_name="webox")
"""


@pytest.fixture(scope="session")
def stub_commands() -> Iterator[Path]:
    """A folder with a `webox-…` command for every service, all of them stubs."""
    with tempfile.TemporaryDirectory(prefix="webox-stubs-") as folder:
        stub = Path(__file__).with_name("stub_service.py").read_text(encoding="utf-8")
        for service in LISTENING:
            command = Path(folder) / f"webox-{service}"
            command.write_text(f"#!{sys.executable} -IS\n{stub}", encoding="utf-8")
            command.chmod(0o700)
        yield Path(folder)


@dataclass
class Started:
    """A `webox up` of the test, and what it has said so far."""

    process: subprocess.Popen[str]
    output: Path

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_until_it_answers(self) -> str:
        """Returns the URL."""
        wait_until(lambda: "Ctrl-C stops" in self.said() or self.process.poll() is not None)
        found = re.search(r"Webox answers at (\S+)", self.said())
        assert found, self.said()
        return found[1]

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(by)
        return self.process.wait(timeout=30)


class Webox:
    """`webox` as a user calls it, on a home of the test and with stub services."""

    def __init__(self, folder: Path, stub_commands: Path) -> None:
        self.folder = folder / "home"
        self.home = Home(self.folder)
        self._output = folder / "output"
        self._command = [sys.executable, "-c", DRIVER, str(stub_commands)]
        self._started: list[subprocess.Popen[str]] = []
        self._others: list[subprocess.Popen[bytes]] = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "WEBOX_HOME": str(self.folder),
            "WEBOX_PORT": "0",
            "STUB_FOLDER": str(folder),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """A command that does not end by itself."""
        process = subprocess.Popen(
            [*self._command, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._others.append(process)
        return process

    def up(self, *arguments: str) -> Started:
        with self._output.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [*self._command, "up", *arguments],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self._started.append(process)
        return Started(process, self._output)

    def pids(self) -> dict[str, int]:
        answer = json.loads(self.run("status", "--json").stdout)
        return {each["program"]: each["pid"] or 0 for each in answer["programs"]}

    def move_home(self, *parts: str) -> None:
        parent = self.folder.parent.joinpath(*parts)
        parent.mkdir(parents=True)
        self.folder = parent / "home"
        self.home = Home(self.folder)
        self.environment["WEBOX_HOME"] = str(self.folder)

    def become(self, *command: str) -> None:
        """Runs every further `webox` by way of `command`."""
        self._command = [*command, *self._command]

    def wait_until(self, condition: Callable[[], object]) -> None:
        wait_until(condition)

    def started_with(self, program: str) -> dict[str, Any]:
        """The `argv` and `environment` that a stub program has seen."""
        path = Path(self.environment["STUB_FOLDER"]) / f"{program}.json"
        wait_until(lambda: path.exists() and path.read_text(encoding="utf-8").endswith("}"))
        seen: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return seen

    def processes(self) -> list[psutil.Process]:
        """Everything on this machine that belongs to this home."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            mentioned = any(str(self.folder) in part for part in process.cmdline())
            marked = process.environ().get("STUB_FOLDER") == self.environment["STUB_FOLDER"]
            return (mentioned or marked) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def clean_up(self) -> None:
        for process in [*self._started, *self._others]:
            process.kill()
            process.wait()
        if self.folder.is_dir():
            end_leftovers(self.home, Servers.of(self.folder), patience=0)
            tidy_socket_folder(self.folder)


@contextlib.contextmanager
def temporary_webox(stub_commands: Path) -> Iterator[Webox]:
    with tempfile.TemporaryDirectory(prefix="webox-up-") as folder:
        webox = Webox(Path(folder), stub_commands)
        try:
            yield webox
        finally:
            webox.clean_up()


@pytest.fixture
def webox(stub_commands: Path) -> Iterator[Webox]:
    """A home of this test's own; nothing runs yet."""
    with temporary_webox(stub_commands) as webox:
        yield webox


@pytest.fixture(scope="module")
def running_webox(stub_commands: Path) -> Iterator[Webox]:
    """One that runs, for the tests of a module that only look at it."""
    with temporary_webox(stub_commands) as webox:
        webox.environment["WEBOX_DEMO"] = "1"
        webox.up().wait_until_it_answers()
        yield webox


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
