"""F04: workers are told to end while there is much to do, as when a new version is deployed."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

import psutil
import pytest
from webox_stack import DoubleProgram, Stack, User, eventually

from webox_double import answer_text
from webox_local.servers import Servers

pytestmark = [pytest.mark.fault("F04"), pytest.mark.timeout(300)]

USERS = 3
# In turn of the one and of the other.
TERMINATIONS = 5
GONE_SECONDS = 40
START_SECONDS = 40
EXPORT_SECONDS = 60
JOBS = "SELECT id::text, status FROM export WHERE user_id = %s"
WORKERS = ("chat-worker", "exporter-worker")


class BusyUser:
    """Sends one message after another, and has one document after another made."""

    def __init__(self, user: User, model: str) -> None:
        self.user = user
        self.messages: list[int] = []
        self.exports: list[str] = []
        self._model = model
        self._stopping = False
        self._conversation: int | None = None

    def stop(self) -> None:
        self._stopping = True

    async def act_for_ever(self) -> None:
        await self.send()
        await asyncio.gather(self._send_for_ever(), self._export_for_ever())

    async def send(self) -> None:
        """Returns once it is answered, as it has to be."""
        question = f"Question {len(self.messages)}"
        sent = await self.user.send(
            question,
            selected_providers=["GPT-4"],
            selected_models={"GPT-4": self._model},
            **({"conversation_id": self._conversation} if self._conversation else {}),
        )
        assert sent["ai_responses"] == {"GPT-4": answer_text(self._model, question)}
        self._conversation = sent["conversation_id"]
        self.messages.append(sent["message_id"])

    async def export(self) -> None:
        """Returns once it is made."""
        body = {"format": "pdf", "conversation_ids": [self._conversation]}
        job = await self.user.post("/api/exports", body, expect=202)
        self.exports.append(job["id"])

        async def done() -> None:
            assert (await self.user.get(f"/api/exports/{job['id']}"))["status"] == "done"

        await eventually(done, EXPORT_SECONDS)

    async def _send_for_ever(self) -> None:
        while not self._stopping:
            await self.send()

    async def _export_for_ever(self) -> None:
        while not self._stopping:
            await self.export()


async def test_what_they_had_begun_is_ended_once(
    webox: Stack,
    double: DoubleProgram,
    make_user: Callable[[], Awaitable[User]],
    slow_model: str,
    healthy: Callable[[], Awaitable[None]],
) -> None:
    busy = [BusyUser(await make_user(), slow_model) for _ in range(USERS)]
    async with asyncio.TaskGroup() as tasks:
        acting = [tasks.create_task(each.act_for_ever()) for each in busy]
        own = BusyUser(await make_user(), slow_model)
        await own.send()
        for number in range(TERMINATIONS):
            # The new one works: it is not told to end before it knows how.
            await own.export()
            await calls_are_under_way(double, slow_model)
            await terminate(webox, WORKERS[number % len(WORKERS)])
        for each in busy:
            each.stop()
        await asyncio.gather(*acting)
    for each in (*busy, own):
        await has_all_that_was_asked_for(webox, each)
    # None was handed back: there was time enough for each.
    calls = Counter(double.outcomes(slow_model))
    assert calls == {"finished": sum(len(each.messages) for each in (*busy, own))}
    await healthy()


async def calls_are_under_way(double: DoubleProgram, model: str) -> None:
    async def asked() -> None:
        assert "running" in double.outcomes(model)

    await eventually(asked, START_SECONDS)


async def terminate(webox: Stack, name: str) -> None:
    """Ends with status 0, all processes of it, in time; the supervisor starts it anew."""
    exits = len(exits_of(webox, name))
    pid = webox.pids()[name]
    main = psutil.Process(pid)
    family = [main, *main.children(recursive=True)]
    os.kill(pid, signal.SIGTERM)
    _, left = await asyncio.to_thread(psutil.wait_procs, family, timeout=GONE_SECONDS)
    assert left == []

    async def anew() -> None:
        assert webox.pids().get(name, pid) != pid
        [said] = exits_of(webox, name)[exits:]
        assert "exit status 0" in said

    await eventually(anew)


def exits_of(webox: Stack, name: str) -> list[str]:
    log = (webox.home.logs / "supervisord.log").read_text(encoding="utf-8")
    return [line for line in log.splitlines() if f"exited: {name} (" in line]


async def has_all_that_was_asked_for(webox: Stack, busy: BusyUser) -> None:
    for message in busy.messages:
        replies = (await busy.user.get(f"/api/chat/messages/{message}"))["replies"]
        assert {name: (each["status"], each["attempt"]) for name, each in replies.items()} == {
            "GPT-4": ("done", 1)
        }
    with Servers.of(webox.home.folder).postgres.connect("webox_exporter") as exporter:
        jobs = exporter.execute(JOBS, [busy.user.id]).fetchall()
    assert sorted(jobs) == sorted((job, "done") for job in busy.exports)
