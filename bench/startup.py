"""`make up` in a copy of the committed tree, in an emptied environment: time and memory.

Three starts: with an empty package cache (its downloads counted in), with a warm one, and again
with the data there. The time is that from the command to the first answered request.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

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
        _report("data there", *_start(clone, environment, rest=True))


def _emptied(home: Path) -> dict[str, str]:
    home.mkdir()
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    return kept | {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}


def _start(clone: Path, environment: dict[str, str], *, rest: bool) -> tuple[float, float]:
    """Seconds to the first answered request, and megabytes (PSS) of all processes."""
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
            megabytes = _pss(clone)
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


def _pss(clone: Path) -> float:
    """Of every process whose environment names this home: what it takes, shared parts shared."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                f"{clone}/.webox".encode()
                in (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            ):
                rollup = (process / "smaps_rollup").read_text()
                total += int(rollup.partition("Pss:")[2].split()[0])
        except (OSError, IndexError):
            continue
    return total / 1000


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _report(title: str, seconds: float, megabytes: float) -> None:
    print(
        f"{title}: {seconds:.1f} s to the first answered request (at most {MOST_SECONDS}), "
        f"{megabytes:.0f} MB (at most {MOST_MEGABYTES})"
    )


if __name__ == "__main__":
    main()
