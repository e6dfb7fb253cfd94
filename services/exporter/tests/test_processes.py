import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from webox_exporter.consumers import duties
from webox_exporter.main import create_app
from webox_exporter.settings import ExporterSettings
from webox_exporter.worker_process import WorkerProcess
from webox_kit.cancellation import cancel_and_wait
from webox_kit.runtime import Runtime
from webox_kit.testing import Keys, eventually, serve

from .conftest import Exporter, FakeChat, message

pytestmark = pytest.mark.timeout(180)

SECONDS = 60
"""A process of its own takes its time on a busy machine."""


@pytest.fixture
async def exporter(settings: ExporterSettings, keys: Keys) -> AsyncIterator[Exporter]:
    """The HTTP app alone: the worker is a process of its own here."""
    async with serve(create_app(settings)) as client:
        yield Exporter(settings, client, keys, WorkerProcess(settings))


@contextmanager
def worker(
    settings: ExporterSettings, log: Path = Path(os.devnull), **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`webox-exporter worker` as the supervisor starts it."""
    variables = {
        f"WEBOX_{name.upper()}": str(value)
        for name, value in settings.model_dump().items()
        if isinstance(value, str | int | float | Path) and not isinstance(value, bool)
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "webox-exporter"), "worker"],
            env={"PATH": os.environ["PATH"], "WEBOX_TESTING": "1", **variables, **environment},
            start_new_session=True,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def status_of(exporter: Exporter, job: dict[str, Any]) -> str:
    return str((await exporter.job(job["id"]))["status"])


async def test_a_job_is_done_and_the_worker_ends_when_told(
    exporter: Exporter, chat: FakeChat, settings: ExporterSettings
) -> None:
    chat.add(1, [message(1, "Bonjour **monde**")])
    job = await exporter.ordered({"format": "pdf", "conversation_ids": [1]})
    with worker(settings) as process:

        async def done() -> bool:
            return await status_of(exporter, job) == "done"

        await eventually(done, SECONDS)
        await exporter.downloaded(await exporter.job(job["id"]))
        warm = await exporter.get("/api/chat/conversations/1/export?format=pdf")
        assert warm.content.startswith(b"%PDF-")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 45) == 0


async def test_a_killed_child_loses_nothing(
    exporter: Exporter, chat: FakeChat, settings: ExporterSettings, tmp_path: Path
) -> None:
    chat.add(1, [message(n, "x") for n in range(20)])
    short = settings.model_copy(
        update={"export_lease_seconds": 1.0, "export_enqueue_again_seconds": 0.5}
    )
    once = tmp_path / "die-once"
    once.write_text("exporter.mid_write")
    job = await exporter.ordered({"format": "md", "conversation_ids": [1]})
    runtime = Runtime.create("exporter", short)
    with worker(short, WEBOX_FAILPOINT_FILE=str(once)):
        async with runtime.closing(), duties(runtime) as by_name:
            reconciling = asyncio.ensure_future(by_name["reconciler"]())

            async def done() -> bool:
                return await status_of(exporter, job) == "done"

            await eventually(done, SECONDS)
            await cancel_and_wait(reconciling)
    assert not once.exists(), "the child was killed in the middle"
    await exporter.downloaded(await exporter.job(job["id"]))
    await eventually(lambda: only_the_file(exporter, job))


@pytest.mark.fault("F05")
async def test_a_task_that_is_given_out_twice_and_begun_twice_makes_one_file(
    exporter: Exporter, chat: FakeChat, settings: ExporterSettings, tmp_path: Path
) -> None:
    chat.add(1, [message(n, "x") for n in range(20)])
    chat.gate.clear()
    impatient = {
        "export_visibility_seconds": 1.0,
        "export_worker_processes": 2,
        # Else the second would find the job claimed, and not begin it.
        "export_lease_seconds": 1.0,
        "export_renew_seconds": 600.0,
    }
    log = tmp_path / "worker.log"
    job = await exporter.ordered({"format": "md", "conversation_ids": [1]})
    with worker(settings.model_copy(update=impatient), log):

        async def begun_twice() -> bool:
            return log.read_text().count("job begun") == 2

        await eventually(begun_twice, SECONDS)
        chat.gate.set()

        async def done_and_given_up() -> bool:
            given_up = log.read_text().count("it is not ours any more")
            return given_up == 1 and await status_of(exporter, job) == "done"

        await eventually(done_and_given_up, SECONDS)
    await exporter.downloaded(await exporter.job(job["id"]))
    assert exporter.stored() == [f"{job['id']}/2.md"]
    runtime = Runtime.create("exporter", settings)
    async with runtime.closing(), runtime.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox")) == 1


async def only_the_file(exporter: Exporter, job: dict[str, Any]) -> bool:
    return exporter.stored() == [f"{job['id']}/2.md"]
