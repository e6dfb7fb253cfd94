"""`python -m bench [name …]` makes the figures of docs/figures.md again, all of them by default."""

import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path

BENCHMARKS = (
    "startup",
    "send",
    "streams",
    "worker",
    "events",
    "visibility",
    "gateway",
    "conversation_list",
    "rebuild",
    "restart",
    "pdf",
    "exports",
)


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
    # Imported after the names are checked, since they take a while.
    from webox_local.postgres import binary  # noqa: PLC0415 - as said
    from webox_local.redis_server import find_program  # noqa: PLC0415 - likewise

    postgres = _said(str(binary("postgres")), "--version").split()[-1]
    redis = " ".join(_said(str(find_program().path), "--version").split()[:3])
    return (
        f"{os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, PostgreSQL {postgres}, {redis}; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
