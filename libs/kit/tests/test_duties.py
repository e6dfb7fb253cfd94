import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from webox_probe.events import rows, running
from webox_stack.proxy import Proxy

from webox_kit.consumer import ConsumerStoppedError
from webox_kit.database import Database
from webox_kit.duties import Duties, Duty
from webox_kit.testing import eventually


class Instance:
    """One of several processes of a service, with what it is doing now."""

    def __init__(self, url: str, name: str) -> None:
        self.database = Database(url, application=name)
        self.doing: set[str] = set()
        self.duties = Duties(
            self.database, "probe", {"relay": self._work("relay"), "reconciler": self._work("rec")}
        )

    def _work(self, name: str) -> Duty:
        async def work() -> None:
            self.doing.add(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.doing.discard(name)

        return work

    async def does_both(self) -> bool:
        return self.doing == {"relay", "rec"}

    async def does_nothing(self) -> bool:
        return not self.doing


@pytest.fixture
async def instances(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Instance, Instance]]:
    monkeypatch.setattr("webox_kit.duties._CHECK_SECONDS", 0.05)
    pair = Instance(database_url, "first"), Instance(database_url, "second")
    yield pair
    for instance in pair:
        await instance.database.close()


class TestOneOfTwo:
    async def test_works_and_the_other_takes_over_when_it_ends(
        self, instances: tuple[Instance, Instance]
    ) -> None:
        first, second = instances
        async with running(first.duties.run()):
            await eventually(first.does_both)
            async with running(second.duties.run()):
                await asyncio.sleep(0.3)
                assert second.doing == set()
        assert first.doing == set()
        async with running(second.duties.run()):
            await eventually(second.does_both)

    async def test_takes_over_when_the_other_loses_the_database(
        self,
        instances: tuple[Instance, Instance],
        proxied_database_url: str,
        database_proxy: Proxy,
    ) -> None:
        cut_off, other = Instance(proxied_database_url, "cut off"), instances[1]
        async with running(cut_off.duties.run()):
            await eventually(cut_off.does_both)
            async with running(other.duties.run()):
                database_proxy.refuse()
                await eventually(other.does_both)
                await eventually(cut_off.does_nothing)
        await cut_off.database.close()

    async def test_takes_over_when_the_other_s_connection_is_ended(
        self, instances: tuple[Instance, Instance], database: Database
    ) -> None:
        first, second = instances
        async with running(first.duties.run()):
            await eventually(first.does_both)
            async with running(second.duties.run()):
                await end_connections_of("first", database)
                await eventually(first.does_nothing)
                await eventually(lambda: one_does_both(instances))

    async def test_a_cancelled_one_leaves_no_lock_behind(
        self, instances: tuple[Instance, Instance], database: Database
    ) -> None:
        first, _ = instances
        async with running(first.duties.run()):
            await eventually(first.does_both)
            assert await locks(database) == 2
        # Its pool is still open, yet nothing in it holds a lock.

        async def no_locks() -> bool:
            return await locks(database) == 0

        await eventually(no_locks)


class TestEnding:
    async def test_also_when_a_duty_loses_a_cancellation(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webox_kit.cancellation._AGAIN_SECONDS", 0.02)
        cancellations = 0

        async def lose_the_first() -> None:
            nonlocal cancellations
            while cancellations < 2:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancellations += 1
            raise asyncio.CancelledError

        async def holds_it() -> bool:
            return await locks(database) == 1

        async with asyncio.timeout(5):
            async with running(Duties(database, "probe", {"deaf": lose_the_first}).run()):
                await eventually(holds_it)
        assert cancellations == 2


class TestFailing:
    async def test_is_started_again(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webox_kit.duties._CHECK_SECONDS", 0.02)
        starts = 0

        async def fail() -> None:
            nonlocal starts
            starts += 1
            raise RuntimeError

        async def started_thrice() -> bool:
            return starts >= 3

        async with running(Duties(database, "probe", {"fails": fail}).run()):
            await eventually(started_thrice)

    async def test_a_stopped_consumer_stays_stopped_and_keeps_its_lock(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webox_kit.duties._CHECK_SECONDS", 0.02)
        starts = 0

        async def stop() -> None:
            nonlocal starts
            starts += 1
            raise ConsumerStoppedError

        async with running(Duties(database, "probe", {"consumer": stop}).run()):
            await asyncio.sleep(0.3)
            assert starts == 1
            assert await locks(database) == 1


async def one_does_both(instances: tuple[Instance, Instance]) -> bool:
    return sorted(len(instance.doing) for instance in instances) == [0, 2]


async def end_connections_of(application: str, database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = :name AND datname = current_database()"
            ),
            {"name": application},
        )


async def locks(database: Database) -> int:
    held = await rows(
        database,
        "SELECT 1 FROM pg_locks JOIN pg_database ON database = pg_database.oid "
        "WHERE locktype = 'advisory' AND datname = current_database()",
    )
    return len(held)
