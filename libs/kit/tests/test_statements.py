import asyncio
import json
from datetime import UTC, datetime

import pytest
from psycopg import AsyncConnection
from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from webox_probe.events import effects, started

from webox_contracts.events import Event
from webox_kit.database import Database
from webox_kit.event_tables import outbox
from webox_kit.outbox import draft, filled_in
from webox_kit.statements import Statement

effect = Table("effect", MetaData(), Column("title", Text), Column("size", BigInteger))
TITLE = bindparam("title", type_=Text)
ADD = Statement(insert(effect).values(title=TITLE).returning(effect.c.title))
ALL = Statement(select(effect.c.title).order_by(effect.c.title))


class TestRun:
    async def test_commits_and_gives_the_rows(self, database: Database) -> None:
        assert await database.run(ADD(title="kept")) == [[{"title": "kept"}]]
        assert await effects(database) == ["kept"]

    async def test_several_are_one_transaction(self, database: Database) -> None:
        added, seen = await database.run(ADD(title="one"), ALL())
        assert (added, seen) == ([{"title": "one"}], [{"title": "one"}])
        broken = Statement(select(literal(1) / bindparam("zero", type_=BigInteger)))
        with pytest.raises(DBAPIError):
            await database.run(ADD(title="two"), broken(zero=0))
        assert await effects(database) == ["one"]

    async def test_values_come_and_go_as_their_types(self, database: Database) -> None:
        moment = datetime(2026, 11, 25, 12, tzinfo=UTC)
        echo = Statement(
            select(
                bindparam("numbers", type_=ARRAY(BigInteger)).label("numbers"),
                bindparam("document", type_=JSONB).label("document"),
                literal(moment).label("moment"),
            )
        )
        [[row]] = await database.run(echo(numbers=[1, 2], document={"é": [None, True]}))
        assert row == {"numbers": [1, 2], "document": {"é": [None, True]}, "moment": moment}

    async def test_a_missing_value_is_null_and_a_constant_stays(self, database: Database) -> None:
        echo = Statement(select(TITLE.label("title"), literal("constant").label("other")))
        assert await database.run(echo()) == [[{"title": None, "other": "constant"}]]

    async def test_an_unknown_value_is_refused(self) -> None:
        with pytest.raises(TypeError, match="titel"):
            ADD(titel="typo")

    async def test_many_at_once_share_the_connections(self, database: Database) -> None:
        await asyncio.gather(*(database.run(ADD(title=f"{n:03}")) for n in range(100)))
        assert len(await effects(database)) == 100


class TestForetelling:
    async def test_the_first_number_is_told_while_the_others_run(self, database: Database) -> None:
        told: asyncio.Queue[int] = asyncio.Queue()
        number = Statement(select(bindparam("number", type_=BigInteger).label("number")))
        turn = Statement(select(func.pg_advisory_xact_lock(literal(4711)).label("locked")))
        async with database.transaction() as holder:
            await holder.execute(text("SELECT pg_advisory_xact_lock(4711)"))
            running = asyncio.create_task(
                database.run(number(number=7), turn(), ADD(title="kept"), foretell=told.put_nowait)
            )
            assert await asyncio.wait_for(told.get(), 10) == 7
            assert not running.done()
            assert await effects(database) == []
        assert await running == [[{"number": 7}], [{"locked": ""}], [{"title": "kept"}]]
        assert await effects(database) == ["kept"]
        assert told.empty()

    async def test_nothing_is_told_of_a_statement_that_fails(self, database: Database) -> None:
        told: list[int] = []
        broken = Statement(select(literal(1) / bindparam("zero", type_=BigInteger)))
        with pytest.raises(DBAPIError):
            await database.run(broken(zero=0), ADD(title="lost"), foretell=told.append)
        assert told == []
        assert await effects(database) == []


class TestErrors:
    async def test_are_those_of_sqlalchemy_without_values(self, database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(text("CREATE UNIQUE INDEX one_title ON effect (title)"))
        await database.run(ADD(title="canary"))
        with pytest.raises(IntegrityError) as error:
            await database.run(ADD(title="canary"))
        assert "canary" not in str(error.value)
        assert "canary" not in str(error.value.orig)
        assert await database.run(ALL()) == [[{"title": "canary"}]], "the connection still works"

    async def test_what_lay_idle_while_postgresql_restarted_is_not_noticed(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webox_kit.hot_connections._TRUSTED_SECONDS", 0)
        nap = Statement(select(text("pg_sleep(0.1)::text AS slept")))
        await asyncio.gather(*(database.run(nap()) for _ in range(8)))
        await end_hot_connections(database)
        async with asyncio.timeout(1):
            assert await database.run(ALL()) == [[]]

    async def test_one_in_use_costs_one_error_at_most(self, database: Database) -> None:
        await database.run(ALL())
        await end_hot_connections(database)
        with pytest.raises(OperationalError):
            await database.run(ALL())
        assert await database.run(ALL()) == [[]]

    async def test_a_database_that_is_away_is_an_outage(self, database_url: str) -> None:
        away = Database(database_url.replace("host=", "host=/nowhere"))
        with pytest.raises(OperationalError):
            await asyncio.wait_for(away.run(ALL()), 1)
        await away.close()

    async def test_one_that_was_cancelled_leaves_a_connection_that_works(
        self, database: Database
    ) -> None:
        nap = Statement(select(text("pg_sleep(30)::text AS slept")))
        for _ in range(12):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await database.run(nap())
        assert await database.run(ALL()) == [[]]


async def end_hot_connections(database: Database) -> None:
    async with await AsyncConnection.connect(database.conninfo, autocommit=True) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


class TestDrafts:
    async def test_what_the_statement_knows_is_filled_in(self, database: Database) -> None:
        given = started("title")
        drafted = draft(given, source="chat")
        whole = bindparam("event", type_=JSONB)
        publish = Statement(
            insert(outbox)
            .from_select(
                ["event_id", "event"],
                select(
                    literal(drafted["event_id"]).cast(outbox.c.event_id.type),
                    filled_in(
                        whole,
                        {
                            "conversation_id": literal(77).cast(BigInteger),
                            "version": literal(5).cast(BigInteger),
                            "message_id": literal(9).cast(BigInteger),
                        },
                        subject=literal(77).cast(BigInteger),
                    ),
                ),
            )
            .returning(outbox.c.event)
        )
        [[row]] = await database.run(publish(event=drafted["event"]))
        event = Event.model_validate_json(row["event"])
        assert (event.id, event.subject) == (drafted["event_id"], "77")
        expected = given.model_copy(update={"conversation_id": 77, "version": 5})
        assert event.parsed() == expected
        assert "message_id" not in json.loads(row["event"])["data"], "it had no such field"


async def test_statements_without_rows_are_refused(database: Database) -> None:
    silent = Statement(update(effect).values(title=TITLE))
    with pytest.raises(DBAPIError):
        await database.run(silent(title="x"))
