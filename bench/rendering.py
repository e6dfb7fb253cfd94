"""One format's renderer alone, in a process that loads nothing else: `bench exports` runs it."""

import io
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from webox_exporter.documents.formats import FORMATS
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.words import Words

LEAST_RATE, MOST_MB = 20_000, 100
HELD_TO_IT = ("md", "txt", "json")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SENTENCE = "Une réponse de longueur moyenne, comme on en lit tous les jours. "
TEXT = (
    "Voici **l'essentiel**, avec `du code` :\n\n- un\n- deux\n\n```python\nx = 1\n```\n\n"
    + SENTENCE * 20
)


class Nowhere(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def messages(count: int) -> Iterator[Message]:
    for number in range(count):
        if number % 5 == 0:
            yield Message(number, "user", "Question ? " * 10, NOW)
        else:
            yield Message(
                number, "assistant", TEXT, NOW, "GPT-4", "model", parent_id=number - number % 5,
                attempt=1, input_tokens=12, output_tokens=345, cost=Decimal("0.0012300000"),
                total_ms=900, started_at=NOW, finished_at=NOW,
            )  # fmt: skip


def render(name: str, count: int) -> None:
    """Says its rate, and the most memory that it took."""
    header = Conversation(1, "t", "f", (), is_favorite=False, message_count=count,
                          created_at=NOW, updated_at=NOW)  # fmt: skip
    renderer = FORMATS[name].renderer()
    out = Nowhere()
    took = _cpu_of(lambda: renderer(header, messages(count), Words(), out))  # type: ignore[arg-type] # a binary stream
    most = _most_memory()
    held = f" (at least {LEAST_RATE}, at most {MOST_MB} MB)" if name in HELD_TO_IT else ""
    print(f"{name}: {count} messages, {count / took:.0f}/s, {most:.0f} MB{held}")


def _most_memory() -> float:
    """The most that this program took, in MB; `getrusage` remembers what started it as well."""
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) / 1000


def _cpu_of(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    render(sys.argv[1], int(sys.argv[2]))
