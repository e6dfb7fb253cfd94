"""What a Webox's programs hold: descriptors, threads, memory, and connections to PostgreSQL."""

import os
from collections import defaultdict
from dataclasses import asdict, dataclass, field

import psutil

from webox_stack.databases import Databases
from webox_stack.stack import Stack

# Pools fill as they are used, and threads are started for the first that need one.
MAY_GROW = {"descriptors": 40, "threads": 16, "memory_mb": 50}
# Pools keep what they have opened: of each program, one for transactions and one for statements.
MOST_CONNECTIONS = 16
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
    """By one program, all its processes together."""

    descriptors: int = 0
    threads: int = 0
    memory_mb: int = 0


@dataclass(frozen=True)
class Resources:
    """`held` by each program, `connections` by each application that PostgreSQL knows."""

    held: dict[str, Held] = field(default_factory=lambda: defaultdict(Held))
    connections: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, webox: Stack, databases: Databases) -> "Resources":
        found = cls()
        programs = {pid: name for name, pid in webox.pids().items() if name not in SERVERS}
        for process in psutil.pids():
            name = programs.get(_group(process))
            if name is not None:
                _add(found.held[name], process)
        for application, connections in databases["chat"].execute(CONNECTIONS):
            found.connections[application] = connections
        return found

    def grown(self, before: "Resources") -> list[str]:
        """What is held now that was not held before, and is more than may be."""
        grown = [
            f"{name}: {now} {what}, {earlier} before"
            for name, held in self.held.items()
            for what, now in asdict(held).items()
            if now > (earlier := getattr(before.held[name], what)) + MAY_GROW[what]
        ]
        return grown + [
            f"{application}: {now} connections"
            for application, now in self.connections.items()
            if now > MOST_CONNECTIONS * sum(_is_of(name, application) for name in self.held)
        ]


def left_open(databases: Databases) -> list[tuple[str, ...]]:
    """Transactions that somebody has forgotten."""
    return databases["chat"].execute(LEFT_OPEN).fetchall()


def _is_of(program: str, application: str) -> bool:
    return application == f"webox-{program.partition('-')[0]}"


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
