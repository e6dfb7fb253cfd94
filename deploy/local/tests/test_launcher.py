"""The supervisor that forks its programs, with a program made up for these tests."""

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
from pathlib import Path

import psutil
import pytest

DRIVER = """
import sys
from pathlib import Path
from webox_local import launcher
folder = Path(sys.argv.pop(1))
sys.path.insert(0, str(folder))
launcher.SCRIPTS, launcher.PACKAGES, launcher.LIBRARIES = folder, {"made-up": "made_up"}, ()
launcher.main()
"""
PROGRAM = """
import json, os, signal, sys
IMPORTED_BY = os.getpid()

def main():
    seen = {"argv": sys.argv, "word": os.environ.get("WORD"), "imported_by": IMPORTED_BY}
    print(json.dumps(seen), flush=True)
    if sys.argv[1] == "fail":
        raise ValueError("a traceback of its own")
    if sys.argv[1] == "complain":
        sys.exit("Error: it is set up wrongly")
    signal.pause()
"""
CONFIGURATION = """
[supervisord]
nodaemon = true
silent = true
logfile = {folder}/supervisord.log
pidfile = {folder}/supervisord.pid
{user}
[program:made-up]
command = {folder}/webox-made-up {argument}
environment = WORD="hello"
startsecs = 0
autorestart = {restart}
stdout_logfile = {folder}/made-up.log
redirect_stderr = true
"""


class Launcher:
    """The launcher with one made-up program, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "made-up.log"
        script = folder / "webox-made-up"
        script.write_text("#!/bin/false\n")  # never run, only recognised
        script.chmod(0o700)
        (folder / "made_up").mkdir()
        (folder / "made_up" / "__init__.py").touch()
        (folder / "made_up" / "cli.py").write_text(PROGRAM)

    @contextlib.contextmanager
    def running(self, argument: str, *, restart: bool = False) -> Iterator[subprocess.Popen[bytes]]:
        configuration = self.folder / "supervisord.conf"
        user = "user = root" if os.geteuid() == 0 else ""
        configuration.write_text(
            CONFIGURATION.format(
                folder=self.folder, argument=argument, restart=str(restart).lower(), user=user
            )
        )
        command = [sys.executable, "-c", DRIVER, str(self.folder), "-c", str(configuration)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.terminate()

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def supervisor_said(self) -> str:
        log = self.folder / "supervisord.log"
        return log.read_text() if log.exists() else ""


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    with tempfile.TemporaryDirectory(prefix="webox-launcher-") as folder:
        yield Launcher(Path(folder))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.write(b"!")
    process.stdin.flush()


class TestProgram:
    def test_is_a_fork_with_its_own_arguments_environment_and_name(
        self, launcher: Launcher
    ) -> None:
        with launcher.running("wait", restart=True) as supervisor:
            go(supervisor)
            wait_until(lambda: launcher.said().endswith("}\n"))
            (program,) = psutil.Process(supervisor.pid).children()
            wait_until(lambda: program.cmdline()[0].startswith("webox-made-up"))
            assert program.cmdline()[0].rstrip("\0") == "webox-made-up wait"
            seen = json.loads(launcher.said())
            assert seen == {
                "argv": [f"{launcher.folder}/webox-made-up", "wait"],
                "word": "hello",
                "imported_by": supervisor.pid,
            }

            program.kill()
            wait_until(lambda: launcher.said().count("}\n") == 2)
            (again,) = psutil.Process(supervisor.pid).children()
            assert again.pid != program.pid

            supervisor.send_signal(signal.SIGTERM)
            assert supervisor.wait(timeout=20) == 0
            assert not again.is_running()

    def test_tells_its_own_errors(self, launcher: Launcher) -> None:
        with launcher.running("fail") as supervisor:
            go(supervisor)
            wait_until(lambda: "exit status 1" in launcher.supervisor_said())
            assert launcher.said().endswith("ValueError: a traceback of its own\n")
            assert "supervisor" not in re.sub(r"File .*", "", launcher.said())

    def test_may_end_with_a_sentence(self, launcher: Launcher) -> None:
        with launcher.running("complain") as supervisor:
            go(supervisor)
            wait_until(lambda: "exit status 1" in launcher.supervisor_said())
            assert launcher.said().endswith("Error: it is set up wrongly\n")


class TestGo:
    def test_without_it_nothing_is_started(self, launcher: Launcher) -> None:
        with launcher.running("wait") as supervisor:
            assert supervisor.stdin
            supervisor.stdin.close()
            assert supervisor.wait(timeout=20) == 0
        assert launcher.said() == ""
