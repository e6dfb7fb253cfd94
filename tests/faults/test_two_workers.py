"""F02: two workers ask providers, and one of them freezes or dies in the middle of a call."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from webox_stack import DoubleProgram, Stack, User, eventually
from webox_stack.programs import program
from webox_stack.stack import INHERITED

from webox_double import answer_text
from webox_local.servers import Servers

pytestmark = pytest.mark.fault("F02")

Healthy = Callable[[], Awaitable[None]]

# The lease (3 s here) and what looking for lost ones may take after it.
TAKEN_OVER_SECONDS = 13
# What the model takes once it is asked again, and more on a busy machine.
ANSWER_SECONDS = 10
# What `slow_model` takes for an answer.
MODEL_SECONDS = 1.5
# A worker's start on a busy machine.
START_SECONDS = 40
END_SECONDS = 40
TOO_LATE = "a reply belonged to somebody else by now"
LEDGER = """
SELECT usage_ledger.status FROM usage_ledger JOIN reply ON reply.id = reply_id
WHERE message_id = %s
"""
FINISHED = "SELECT finished_at FROM reply WHERE message_id = %s"
REPLIES = "SELECT * FROM reply WHERE message_id = %s"


@dataclass(frozen=True)
class SecondWorker:
    """A provider worker that no supervisor knows of."""

    process: subprocess.Popen[bytes]
    log: Path

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@pytest.fixture
def second(
    webox: Stack, webox_environment: dict[str, str], tmp_path: Path
) -> Iterator[SecondWorker]:
    """It never looks whether its replies are still its own, but finds out when it writes them."""
    log = tmp_path / "second-worker.log"
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program("webox"), "chat", "--home", str(webox.home.folder), "worker"],
            env=inherited | webox_environment | {"WEBOX_LEASE_RENEW_SECONDS": "600"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    worker = SecondWorker(process, log)
    try:
        yield worker
    finally:
        if process.poll() is None:
            worker.send_signal(signal.SIGCONT)
            process.terminate()
        process.wait(timeout=END_SECONDS)


@asynccontextmanager
async def asked_by_the_second(
    webox: Stack, double: DoubleProgram, user: User, model: str
) -> AsyncIterator[dict[str, Any]]:
    """What a send was answered whose call is under way; within the block no other worker works."""
    with webox.frozen("chat-worker"):
        sent = await user.send(
            "Bonjour",
            expect=202,
            selected_providers=["GPT-4"],
            selected_models={"GPT-4": model},
            wait={"seconds": 0},
        )

        async def asked() -> None:
            assert double.outcomes(model) == ["running"]

        await eventually(asked, START_SECONDS)
        yield sent


@pytest.mark.parametrize("other", ["running", "finished"])
async def test_what_the_frozen_one_writes_late_changes_nothing(
    webox: Stack,
    second: SecondWorker,
    double: DoubleProgram,
    user: User,
    slow_model: str,
    other: str,
    healthy: Healthy,
) -> None:
    """It wakes while the other's call is under way, or once that one's answer is stored."""
    async with asked_by_the_second(webox, double, user, slow_model) as sent:
        second.send_signal(signal.SIGSTOP)

    async def asked_again() -> None:
        # The first answer waits for a worker that does nothing.
        assert double.outcomes(slow_model) == ["finished", other]

    await eventually(asked_again, TAKEN_OVER_SECONDS + ANSWER_SECONDS)
    if other == "finished":
        await answered_at_second_attempt(user, sent, slow_model)
    before = rows(webox, REPLIES, sent)
    second.send_signal(signal.SIGCONT)

    async def came_too_late() -> None:
        assert TOO_LATE in second.log.read_text(encoding="utf-8")

    await eventually(came_too_late)
    if other == "finished":
        assert rows(webox, REPLIES, sent) == before
    await answered_at_second_attempt(user, sent, slow_model)
    # The answers are alike; it is the other's if it came no earlier than that one's.
    [(finished_at,)] = rows(webox, FINISHED, sent)
    asked_again_at = datetime.fromisoformat(double.calls(slow_model)[1]["at"])
    assert (finished_at - asked_again_at).total_seconds() >= MODEL_SECONDS
    assert rows(webox, LEDGER, sent) == [("done",)]
    shown = await user.get(f"/api/chat/conversations/{sent['conversation_id']}")
    assert shown["message_count"] == 2
    assert [each["role"] for each in shown["messages"]] == ["user", "assistant"]
    assert double.outcomes(slow_model) == ["finished", "finished"]
    await healthy()


async def test_the_other_takes_over_from_one_that_is_killed(
    webox: Stack,
    second: SecondWorker,
    double: DoubleProgram,
    user: User,
    slow_model: str,
    healthy: Healthy,
) -> None:
    supervised = webox.pids()["chat-worker"]
    async with asked_by_the_second(webox, double, user, slow_model) as sent:
        second.send_signal(signal.SIGKILL)
        killed_at = datetime.now(UTC)
    await answered_at_second_attempt(user, sent, slow_model)
    assert double.outcomes(slow_model) == ["aborted", "finished"]
    taken_over_at = datetime.fromisoformat(double.calls(slow_model)[1]["at"])
    assert (taken_over_at - killed_at).total_seconds() < TAKEN_OVER_SECONDS
    assert rows(webox, LEDGER, sent) == [("done",)]
    assert webox.pids()["chat-worker"] == supervised
    await healthy()


async def answered_at_second_attempt(user: User, sent: dict[str, Any], model: str) -> None:
    async def answered() -> None:
        now = await user.get(f"/api/chat/messages/{sent['message_id']}")
        assert now["ai_responses"] == {"GPT-4": answer_text(model, "Bonjour")}
        assert {name: each["attempt"] for name, each in now["replies"].items()} == {"GPT-4": 2}

    await eventually(answered, TAKEN_OVER_SECONDS + ANSWER_SECONDS)


def rows(webox: Stack, query: str, sent: dict[str, Any]) -> list[tuple[Any, ...]]:
    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        return chat.execute(query, [sent["message_id"]]).fetchall()
