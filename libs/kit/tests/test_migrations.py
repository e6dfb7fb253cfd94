import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from webox_probe.events import rows

from webox_kit.database import Database
from webox_kit.migrations import is_current, migrate, newest_revision, wait_until_migrated
from webox_kit.testing import eventually

PACKAGE = "webox_probe"


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Database]:
    database = Database(empty_database_url)
    yield database
    await database.close()


class TestMigrate:
    async def test_several_starting_at_once_apply_each_migration_once(
        self, empty: Database, empty_database_url: str
    ) -> None:
        starting = [Database(empty_database_url) for _ in range(4)]
        await asyncio.gather(*(migrate(database, PACKAGE) for database in starting))
        for database in starting:
            await database.close()
        assert [row.version_num for row in await rows(empty, "SELECT * FROM alembic_version")] == [
            "0002"
        ]
        assert await rows(empty, "SELECT title, size FROM effect") == []

    async def test_changes_nothing_the_second_time(self, empty: Database) -> None:
        await migrate(empty, PACKAGE)
        before = await rows(empty, "SELECT xmin::text FROM alembic_version")
        await migrate(empty, PACKAGE)
        assert await rows(empty, "SELECT xmin::text FROM alembic_version") == before
        assert await is_current(empty, PACKAGE)

    async def test_a_failing_one_leaves_nothing_half_done(
        self, empty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "webox_broken" / "migrations"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        (folder / "0001_initial.py").write_text(
            "from alembic import op\n"
            "revision, down_revision, branch_labels, depends_on = '0001', None, None, None\n"
            "def upgrade():\n"
            "    op.execute('CREATE TABLE half (id int)')\n"
            "    op.execute('CREATE TABLE half (id int)')\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(Exception, match="already exists"):
            await migrate(empty, "webox_broken")
        assert await rows(empty, "SELECT to_regclass('half') AS half") == [(None,)]
        assert not await is_current(empty, "webox_broken")

    def test_the_newest_is_the_highest_number(self) -> None:
        assert newest_revision(PACKAGE) == "0002"


class TestWaiting:
    async def test_ends_when_another_process_has_migrated(
        self, empty: Database, empty_database_url: str
    ) -> None:
        other = Database(empty_database_url)
        waiting = asyncio.create_task(wait_until_migrated(other, PACKAGE))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await migrate(empty, PACKAGE)

        async def waited() -> bool:
            return waiting.done()

        await eventually(waited)
        await waiting
        await other.close()
