"""What a Webox's programs hold: descriptors, threads, memory, and connections to PostgreSQL."""

import os
from collections import defaultdict
from dataclasses import asdict, dataclass, field

import psutil

from webox_stack.databases import Databases
from webox_stack.stack import Stack

# Pools fill as they are used, and threads are started for the first that need one.
MAY_GROW = {"descriptors": 40, "threads": 16, "memory_mb": 50, "connections": 10}
# Not ours; what they hold is their clients', of which the connections are counted.
SERVERS = {"postgres", "redis"}
CONNECTIONS = """
SELECT application_name, count(*) FROM pg_stat_activity
WHERE application_name LIKE 'webox-%' GROUP BY 1
"""
LEFT_OPEN = """
SELECT application_name, state, query FROM pg_stat_activity
WHERE application_name LIKE 'webox-%' AND state LIKE 'idle in transaction%'
    AND state_change < now() - interval '0.5 s'
"""


@dataclass
class Held:
    """By one program, all its processes together; of a service, `connections` alone is told."""

    descriptors: int = 0
    threads: int = 0
    memory_mb: int = 0
    connections: int = 0


@dataclass(frozen=True)
class Resources:
    """By the name of each program, and of each application that PostgreSQL knows."""

    held: dict[str, Held] = field(default_factory=lambda: defaultdict(Held))

    @classmethod
    def of(cls, webox: Stack, databases: Databases) -> "Resources":
        found = cls()
        programs = {pid: name for name, pid in webox.pids().items() if name not in SERVERS}
        for process in psutil.pids():
            name = programs.get(_group(process))
            if name is not None:
                _add(found.held[name], process)
        for application, connections in databases["chat"].execute(CONNECTIONS):
            found.held[application].connections = connections
        return found

    def grown(self, before: "Resources") -> list[str]:
        """What is held now that was not held before, and is more than may be."""
        return [
            f"{name}: {now} {what}, {earlier} before"
            for name, held in self.held.items()
            for what, now in asdict(held).items()
            if now > (earlier := getattr(before.held[name], what)) + MAY_GROW[what]
        ]


def left_open(databases: Databases) -> list[tuple[str, ...]]:
    """Transactions that somebody has forgotten."""
    return databases["chat"].execute(LEFT_OPEN).fetchall()


def _group(process: int) -> int:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return 0


def _add(held: Held, number: int) -> None:
    try:
        process = psutil.Process(number)
        held.descriptors += process.num_fds()
        held.threads += process.num_threads()
        held.memory_mb += process.memory_info().rss // 1_000_000
    except psutil.Error:
        return
