from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from webox_probe.events import effects

from webox_kit.database import Database


class TestTransaction:
    async def test_commits_at_the_end_and_not_before(self, database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO effect VALUES ('kept')"))
            assert await effects(database) == []
        assert await effects(database) == ["kept"]

    async def test_times_are_in_utc(self, database: Database) -> None:
        async with database.transaction() as session:
            assert await session.scalar(text("SHOW timezone")) == "UTC"

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO effect (title, size) VALUES (:secret, length(:secret) * 9000)",
            "INSERT INTO effect (title, size) VALUES (NULLIF(:secret, :secret), 7)",
            "INSERT INTO dead_letter (consumer, reason) VALUES (:secret, :secret)",
        ],
    )
    async def test_errors_show_no_values(self, database: Database, statement: str) -> None:
        with pytest.raises(DBAPIError) as error:
            async with database.transaction() as session:
                await session.execute(text(statement), {"secret": "canary"})
        assert "canary" not in str(error.value)
        assert "canary" not in str(error.value.orig)


class TestAfterAnOutage:
    async def test_one_error_at_most_then_it_works(
        self, database: Database, database_url: str
    ) -> None:
        await self._end_connections(database, database_url)
        with suppress(OperationalError):
            await database.ping()
        async with database.transaction() as session:
            assert await session.scalar(text("SELECT 1")) == 1

    async def test_what_lay_idle_is_not_even_noticed(
        self, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webox_kit.database._TRUSTED_SECONDS", 0)
        await self._end_connections(database, database_url)
        async with database.transaction() as session:
            assert await session.scalar(text("SELECT 1")) == 1

    async def _end_connections(self, database: Database, database_url: str) -> None:
        """End those of `database`, one of which has just been used."""
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
        other = Database(database_url)
        async with other.transaction() as session:
            await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        await other.close()
