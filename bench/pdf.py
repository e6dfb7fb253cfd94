"""How fast PDFs are made, on one core: messages/s, how time and memory grow, and beside others.

Each measurement is a process of its own, held to one core, whose CPU counts: others may use the
machine. Fonts are loaded before it begins, as in a worker. `fpdf2` and `typst` get the same
messages, with less to do: no colours of code in the one, no right-to-left, no contents, a font or
two. They are no dependencies of Webox: the group `bench` has them.
"""

import importlib
import importlib.util
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from bench.conversation_text import header, messages
from bench.running import PROJECT
from webox_exporter.documents.model import Message

FEW, MANY = 1_000, 10_000
ROUNDS = 3
BESIDE = 300
WANTED = {"messages/s": 120, "times for ten times as many": 11, "MB": 500}
RIVALS = ("fpdf2", "typst")


def webox(count: int, made: list[Message]) -> None:
    from webox_exporter.documents import pdf  # noqa: PLC0415 - only in the process that measures
    from webox_exporter.documents.words import Words  # noqa: PLC0415 - likewise

    pdf.render(header(0), messages(40), Words(), io.BytesIO())
    _timed(lambda out: pdf.render(header(count), iter(made), Words(), out))


def _timed(render: Callable[[io.BytesIO], object]) -> None:
    out = io.BytesIO()
    begun, used = time.perf_counter(), time.process_time()
    render(out)
    print(json.dumps({
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - used,
        "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "size": len(out.getvalue()),
    }))  # fmt: skip


def run_one(name: str, count: int) -> dict[str, float]:
    """The measurement in a process of its own, on one core."""
    command = [sys.executable, "-m", "bench.pdf", name, str(count)]
    core = max(os.sched_getaffinity(0))
    result = subprocess.run(
        command,
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    found: dict[str, float] = json.loads(result.stdout)
    return found


def main() -> None:
    size = sum(len(message.content.encode()) for message in messages(FEW)) / FEW
    print(f"messages of {size / 1000:.1f} KB on average, one core, load {os.getloadavg()[0]:.1f}")
    rounds = [run_one("webox", FEW) for _ in range(ROUNDS)]
    few = statistics.median(found["cpu"] for found in rounds)
    clock = min(found["seconds"] for found in rounds)
    print(
        f"{FEW:,} messages: {few:.2f} s, {FEW / few:.0f}/s (wanted: {WANTED['messages/s']}); "
        f"{FEW / clock:.0f}/s by the clock in the best of {ROUNDS} rounds"
    )
    many = run_one("webox", MANY)
    print(
        f"{MANY:,} messages: {many['cpu']:.1f} s, {many['cpu'] / few:.2f} times as long "
        f"(at most {WANTED['times for ten times as many']}), {many['MB']:.0f} MB at its highest "
        f"(at most {WANTED['MB']}), {many['size'] / 1e6:.1f} MB written"
    )
    beside()


def beside() -> None:
    """The same messages by others, in turns; whose time is a multiple of Webox's."""
    missing = [name for name in ("fpdf", "typst") if importlib.util.find_spec(name) is None]
    if missing:
        print("beside others: not run; `.venv/bin/uv pip install --group bench` installs them")
        return
    names = ("webox", *RIVALS)
    found = [{name: run_one(name, BESIDE) for name in names} for _ in range(ROUNDS)]
    for name in names:
        times = statistics.median(each[name]["cpu"] / each["webox"]["cpu"] for each in found)
        seconds = statistics.median(each[name]["cpu"] for each in found)
        print(
            f"beside others, {BESIDE} messages: {name} {seconds:.2f} s, {times:.2f} times Webox's, "
            f"{found[0][name]['MB']:.0f} MB"
        )


def measure(name: str, count: int) -> None:
    """One measurement, in this process."""
    made = list(messages(count))
    if name == "webox":
        webox(count, made)
    else:
        rivals = importlib.import_module("bench.pdf_rivals")
        _timed(rivals.RENDERERS[name](made))


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2])) if sys.argv[1:] else main()
