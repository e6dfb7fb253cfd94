"""`make up` in a copy of the committed tree, in an emptied environment: time and memory.

Three starts: with an empty package cache (its downloads counted in), with a warm one, and again
with the data there. The time is that from the command to the first answered request; the memory
(PSS: what is shared is counted once) that of all processes, after the last start also at rest.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from bench.running import PROJECT

MOST_SECONDS = 15
MOST_MEGABYTES = 1000
_REST_SECONDS = 20
_KEPT = ("SSL_CERT_FILE", "LANG")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="webox-bench-") as name:
        folder = Path(name)
        environment = _emptied(folder / "home")
        for title in ("empty package cache", "warm package cache"):
            clone = folder / title.replace(" ", "-")
            subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(clone)], check=True)
            _report(title, *_start(clone, environment, rest=False))
        seconds, megabytes = _start(clone, environment, rest=True)
        _report(f"data there, {_REST_SECONDS} s of rest", seconds, megabytes)
        for program, each in sorted(megabytes.items(), key=lambda item: -item[1]):
            print(f"  {program:<28}{each:6.0f} MB")


def _emptied(home: Path) -> dict[str, str]:
    home.mkdir()
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    return kept | {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}


def _start(
    clone: Path, environment: dict[str, str], *, rest: bool
) -> tuple[float, dict[str, float]]:
    """Seconds to the first answered request, and megabytes by program."""
    port = _free_port()
    with (clone / "up.log").open("wb") as log:
        started = time.monotonic()
        make = subprocess.Popen(
            ["make", "up"],
            cwd=clone,
            env=environment | {"WEBOX_PORT": str(port)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _until_answered(port, make)
            seconds = time.monotonic() - started
            time.sleep(_REST_SECONDS if rest else 0)
            megabytes = _memory(psutil.Process(make.pid))
        finally:
            os.killpg(make.pid, signal.SIGINT)
            make.wait(120)
    return seconds, megabytes


def _until_answered(port: int, make: "subprocess.Popen[bytes]") -> None:
    while make.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError(f"`make up` ended with {make.returncode}")


def _memory(make: psutil.Process) -> dict[str, float]:
    """Megabytes (PSS) by program, of everything that `make` started."""
    by_program: dict[str, float] = {}
    for process in make.children(recursive=True):
        with contextlib.suppress(OSError, psutil.Error):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            kilobytes = int(rollup.partition("Pss:")[2].split()[0])
            name = _program(process)
            by_program[name] = by_program.get(name, 0) + kilobytes / 1000
    return by_program


def _program(process: psutil.Process) -> str:
    """`webox-chat worker` and the like; all of PostgreSQL's processes are one program."""
    name, *arguments = " ".join(process.cmdline()).split()
    base = Path(name).name
    if base.startswith("postgres"):
        return "postgres"
    words = [Path(each).name for each in arguments if not each.startswith("-")]
    if base.startswith("python"):
        return words[0]
    return " ".join([base, *words[:1]]) if base.startswith("webox") else base


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _report(title: str, seconds: float, megabytes: dict[str, float]) -> None:
    print(
        f"{title}: {seconds:.1f} s to the first answered request (at most {MOST_SECONDS}), "
        f"{sum(megabytes.values()):.0f} MB (at most {MOST_MEGABYTES})"
    )


if __name__ == "__main__":
    main()
