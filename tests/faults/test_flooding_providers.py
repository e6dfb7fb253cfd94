"""F21: a provider that sends far more than anybody wants."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from webox_stack import Stack, User
from webox_stack.watching import named, shown

from webox_double import answer_text

pytestmark = pytest.mark.fault("F21")

Healthy = Callable[[], Awaitable[None]]
PROVIDERS = ["GPT-4", "Claude"]
MOST_TEXT = 1_000_000
MOST_MEMORY = 100_000_000


class Peak:
    """The most memory that the worker's processes had since this was made."""

    def __init__(self, webox: Stack) -> None:
        main = psutil.Process(webox.pids()["chat-worker"])
        self._processes = [main, *main.children(recursive=True)]
        for each in self._processes:
            # 5 resets the kernel's own record of the peak.
            Path(f"/proc/{each.pid}/clear_refs").write_text("5", encoding="ascii")
        self._before = self._now()

    def grown(self) -> int:
        """In bytes."""
        return self._now() - self._before

    def _now(self) -> int:
        return sum(map(_peak, self._processes))


def _peak(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_ten_megabytes_are_cut_at_one_and_say_so(
    webox: Stack, user: User, healthy: Healthy, provider: str
) -> None:
    peak = Peak(webox)
    body = {
        "message": "Bonjour",
        "selected_providers": [provider],
        "selected_models": {provider: "10mb"},
    }
    async with user.watching("/api/chat/send", body) as stream:
        events = await stream.rest()
    assert peak.grown() < MOST_MEMORY
    [reply] = named(events, "reply")
    assert (reply["status"], reply["truncated"]) == ("done", True)
    assert len(reply["content"]) == MOST_TEXT
    assert answer_text("10mb", "Bonjour").startswith(reply["content"])
    assert shown(events) == {provider: reply["content"]}
    await healthy()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_gzip_bomb_is_not_unpacked(
    webox: Stack, user: User, healthy: Healthy, provider: str
) -> None:
    peak = Peak(webox)
    answer = await user.send(
        "Bonjour",
        selected_providers=[provider, "Mistral"],
        selected_models={provider: "gzip_bomb"},
    )
    assert peak.grown() < MOST_MEMORY
    assert answer["errors"][provider]["code"] == "bad_response"
    assert answer["ai_responses"] == {"Mistral": answer_text("mistral-large", "Bonjour")}
    await healthy()
