"""`python -m bench [name …]` makes the figures of docs/figures.md again, all of them by default."""

import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("startup", "send", "visibility", "gateway")


def main() -> None:
    names = sys.argv[1:] or BENCHMARKS
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]!r}. There are: {', '.join(BENCHMARKS)}.")
    sys.argv = sys.argv[:1]
    print(_machine())
    for name in names:
        print(f"\n== {name}")
        importlib.import_module(f"bench.{name}").main()


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {_redis()}; load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _redis() -> str:
    from webox_local.redis_server import find_program  # noqa: PLC0415 - after the names are checked

    path = str(find_program().path)
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    return " ".join(said.stdout.split()[:3])


if __name__ == "__main__":
    main()
