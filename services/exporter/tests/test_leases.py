from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from webox_exporter.jobs.repository import LeaseRepository
from webox_exporter.schemas import StoredFile
from webox_exporter.settings import ExporterSettings
from webox_exporter.upkeep import Reconciler
from webox_kit.runtime import Runtime
from webox_kit.tasks import TaskQueue, create_celery

from .conftest import Exporter, FakeChat

ONE = {"format": "txt", "conversation_ids": [1]}


async def sql(runtime: Runtime[ExporterSettings], statement: str, **values: Any) -> None:
    async with runtime.database.transaction() as session:
        await session.execute(text(statement), values)


class TestLeases:
    async def test_a_late_attempt_changes_nothing(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        chat.add(1)
        job = await exporter.ordered(ONE)
        lease = {"lease": timedelta(seconds=-1), "max_attempts": 3, "running_per_user": 2}
        async with runtime.database.transaction() as session:
            late = await LeaseRepository(session).claim(**lease)
        assert late is not None
        assert await exporter.work(), "the lease ran out, so that another attempt starts"
        done = await exporter.job(job["id"])
        file = StoredFile(key="wrong", size_bytes=1, sha256="wrong")
        async with runtime.database.transaction() as session:
            leases = LeaseRepository(session)
            assert not await leases.keep(late, timedelta(seconds=30), 0)
            assert await leases.finish(late, file, timedelta(days=7)) is None
            assert await leases.fail(late, "failed", {}) is None
        assert await exporter.job(job["id"]) == done
        await exporter.downloaded(done)

    async def test_a_late_attempt_cannot_end_the_one_that_runs(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        chat.add(1)
        job = await exporter.ordered(ONE)
        limits = {"max_attempts": 3, "running_per_user": 2}
        async with runtime.database.transaction() as session:
            leases = LeaseRepository(session)
            late = await leases.claim(lease=timedelta(seconds=-1), **limits)
            now = await leases.claim(lease=timedelta(seconds=30), **limits)
            assert late is not None
            assert now is not None
            file = StoredFile(key="late", size_bytes=1, sha256="late")
            assert not await leases.keep(late, timedelta(seconds=30), 0)
            assert await leases.finish(late, file, timedelta(days=7)) is None
            assert await leases.fail(late, "failed", {}) is None
            assert await leases.keep(now, timedelta(seconds=30), 0)
        assert (await exporter.job(job["id"]))["status"] == "running"

    async def test_a_killed_attempts_leavings_go(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        chat.add(1)
        job = await exporter.ordered(ONE)
        await sql(
            runtime,
            "UPDATE export SET status = 'running', attempt = 1, "
            "lease_until = now() - interval '1 s'",
        )
        folder = Path(exporter.settings.files_url.removeprefix("file://")) / job["id"]
        folder.mkdir(parents=True)
        for name in ("1.part", "1.part#1", "1.txt"):
            (folder / name).write_bytes(b"half")
        assert await exporter.work()
        assert exporter.stored() == [f"{job['id']}/2.txt"]

    async def test_worn_out_jobs_fail(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        chat.add(1)
        job = await exporter.ordered(ONE)
        await sql(runtime, "UPDATE export SET attempt = 3")
        assert not await exporter.work()
        await reconciled(runtime)
        ended = await exporter.job(job["id"])
        assert (ended["status"], ended["error"]["code"]) == ("failed", "interrupted")

    async def test_a_lost_task_is_sent_again(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        chat.add(1)
        job = await exporter.ordered(ONE)
        assert await reconciled(runtime) == [], "it was only just enqueued"
        await sql(runtime, "UPDATE export SET enqueued_at = now() - interval '1 minute'")
        assert await reconciled(runtime) == [job["id"]]
        assert await reconciled(runtime) == [], "once, for a while"


class RecordingQueue(TaskQueue):
    def __init__(self, broker_url: str) -> None:
        super().__init__(create_celery("exporter", broker_url))
        self.sent: list[str] = []

    async def send(self, task: str, *ids: object) -> bool:
        assert task == "exporter.render"
        self.sent += map(str, ids)
        return await super().send(task, *ids)


async def reconciled(runtime: Runtime[ExporterSettings]) -> list[str]:
    """Reconcile once; the ids of the jobs that were enqueued again."""
    tasks = RecordingQueue(runtime.settings.broker_url)
    reconciler = Reconciler(
        runtime.database,
        runtime.redis,
        tasks,
        max_attempts=3,
        running_per_user=2,
        every_seconds=1,
        enqueue_again=timedelta(seconds=15),
    )
    await reconciler.reconcile()
    tasks.close()
    return tasks.sent


class TestWhoseTurn:
    async def test_users_in_turn_and_two_running_each(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        jobs: dict[str, tuple[int, int]] = {}
        for user, number in [(1, 1), (1, 2), (1, 3), (1, 4), (2, 21), (2, 22)]:
            chat.add(number, user_id=user)
            body = {"format": "txt", "conversation_ids": [number]}
            jobs[(await exporter.ordered(body, user_id=user))["id"]] = (user, number)
        order = []
        while (claimed := await claim(runtime)) is not None:
            order.append(jobs[str(claimed)])
        assert order == [(1, 1), (2, 21), (1, 2), (2, 22)]

    @pytest.mark.parametrize("served_before", [False, True])
    async def test_a_thousand_jobs_delay_anothers_by_two_at_most(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings],
        *, served_before: bool,
    ) -> None:  # fmt: skip
        chat.add(1)
        chat.add(2, user_id=2)
        body = {"format": "txt", "conversation_ids": [2]}
        await sql(runtime, THOUSAND_JOBS)
        if served_before:  # the other user's turn was just now
            await exporter.done(body, user_id=2)
            await exporter.work()
            await exporter.done(body, user_id=2)
        else:
            await exporter.work()
        mine = await exporter.ordered(body, user_id=2)
        for _ in range(3):
            assert await exporter.work()
            if (await exporter.job(mine["id"], user_id=2))["status"] == "done":
                return
        pytest.fail("three jobs of another user's were done before it")


THOUSAND_JOBS = """
INSERT INTO export (id, user_id, format, language, request, fingerprint, filename)
SELECT gen_random_uuid(), 1, 'txt', 'fr', '{"conversation_ids": [1]}', number::text, 'a.txt'
FROM generate_series(1, 1000) AS number
"""


async def claim(runtime: Runtime[ExporterSettings]) -> UUID | None:
    async with runtime.database.transaction() as session:
        claimed = await LeaseRepository(session).claim(
            lease=timedelta(seconds=30), max_attempts=3, running_per_user=2
        )
    return claimed.id if claimed else None
