"""What runs, for `webox status`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from webox_local.home import Home
from webox_local.leftovers import supervisor_process
from webox_local.supervision import ProgramState, Supervisor

UP = {"RUNNING", "STARTING"}


@dataclass(frozen=True)
class ProgramStatus:
    """`memory_bytes` counts a program with its children, and memory they share once."""

    program: str
    state: str
    pid: int | None
    uptime_seconds: int
    memory_bytes: int


@dataclass(frozen=True)
class Status:
    """`memory_bytes` is that of everything, the supervisor and `webox up` included."""

    url: str | None
    programs: Sequence[ProgramStatus]
    memory_bytes: int = 0

    @property
    def all_up(self) -> bool:
        return bool(self.programs) and all(each.state in UP for each in self.programs)

    def as_json(self) -> dict[str, Any]:
        programs = [asdict(each) for each in self.programs]
        return {
            "url": self.url,
            "all_up": self.all_up,
            "memory_bytes": self.memory_bytes,
            "programs": programs,
        }

    def as_table(self) -> str:
        rows = [("PROGRAM", "STATE", "PID", "UP", "MEMORY")]
        rows += [
            (
                each.program,
                each.state.lower(),
                str(each.pid or "-"),
                duration(each.uptime_seconds),
                size(each.memory_bytes),
            )
            for each in self.programs
        ]
        lines = [
            f"{name:<18}{state:<10}{pid:>8}{up:>10}{memory:>10}"
            for name, state, pid, up, memory in rows
        ]
        return "\n".join(
            [*lines, "", f"Webox at {self.url}, {size(self.memory_bytes)} of memory in all"]
        )


def status(home: Home) -> Status:
    """The state of every program; an empty one when nothing runs."""
    run = home.last_run()
    supervisor = supervisor_process(home)
    if run is None or supervisor is None:
        return Status(None, ())
    try:
        states = Supervisor(home).programs()
    except ConnectionError:  # it is just starting, or just ending
        return Status(run.url, ())
    memory = _memory(supervisor.pid) + _memory(home.holder() or 0, with_children=False)
    return Status(run.url, [_with_memory(state) for state in states], memory)


def _with_memory(state: ProgramState) -> ProgramStatus:
    memory = _memory(state.pid)
    return ProgramStatus(state.name, state.state, state.pid or None, state.seconds_up, memory)


def _memory(pid: int, *, with_children: bool = True) -> int:
    """0 where there is no such process."""
    if not pid:
        return 0
    try:
        process = psutil.Process(pid)
        children = process.children(recursive=True) if with_children else []
    except psutil.Error:
        return 0
    return sum(_own_memory(each) for each in [process, *children])


def _own_memory(process: psutil.Process) -> int:
    """Its proportional share (PSS) where the system counts it, else what it alone has."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", 0) or memory.uss)


def duration(seconds: int) -> str:
    """Two of its units at most, as `3d 4h` or `12s`."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    shown = [f"{count}{unit}" for count, unit in units if count]
    return " ".join(shown[:2]) or "0s"


def size(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
