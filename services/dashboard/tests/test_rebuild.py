"""`webox-dashboard verify` and `rebuild`: the read models against their sources."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from dashboard_sources import SourcesDouble, running_sources
from dashboard_stage import Stage, exported, product, received
from sqlalchemy import text

from webox_contracts.events import (
    ExportRemoved,
    FunnelCreated,
    GenerationCompleted,
    StorageChanged,
    UserDeleted,
    WebsiteDeleted,
    WebsitePublished,
    WebsiteUpdated,
)
from webox_dashboard.cli import main
from webox_dashboard.consumers import duties
from webox_dashboard.main import create_app
from webox_dashboard.rebuilding import rebuild
from webox_dashboard.settings import DashboardSettings
from webox_kit.cancellation import cancel_and_wait
from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database
from webox_kit.errors import ConflictError
from webox_kit.runtime import Runtime
from webox_kit.streams import GAP_FIELD, stream_key
from webox_kit.testing import Keys, RunCli, RunCommand, eventually, serve

CANARY = "canary"
EXPORT = "0190a000-0000-7000-8000-00000000000a"


@pytest.fixture
async def sources() -> AsyncIterator[SourcesDouble]:
    async with running_sources() as double:
        yield double


@pytest.fixture
def settings(
    make_settings: Callable[..., DashboardSettings], sources: SourcesDouble
) -> DashboardSettings:
    url = sources.url
    return make_settings(DashboardSettings, chat_url=url, gateway_url=url, exporter_url=url)


@pytest.fixture
async def runtime(settings: DashboardSettings) -> AsyncIterator[Runtime[DashboardSettings]]:
    runtime = Runtime.create("dashboard", settings)
    async with runtime.closing():
        yield runtime


@pytest.fixture
async def stage(
    settings: DashboardSettings, runtime: Runtime[DashboardSettings], keys: Keys
) -> AsyncIterator[Stage]:
    async with serve(create_app(settings)) as client:
        yield Stage(client, runtime.database, keys)


@pytest.fixture
def command(run_cli: RunCli, settings: DashboardSettings) -> RunCommand:
    return partial(run_cli, main, settings)


def history(sources: SourcesDouble) -> list[ReceivedEvent]:
    """Something of each kind, for two users."""
    return [
        sources.start(1, CANARY),
        sources.start(2, CANARY, user_id=2),
        sources.change(1, title=f"{CANARY} 2", archived=True),
        sources.reply(11),
        sources.reply(12),
        sources.reply(13, 2, user_id=2),
        sources.report(product(WebsitePublished, "7", name=CANARY, bytes=500)),
        sources.report(product(WebsiteUpdated, "7", name=f"{CANARY} 3", bytes=700)),
        sources.report(product(FunnelCreated, "8", name=CANARY, user_id=2)),
        sources.report(product(WebsitePublished, "9", bytes=5)),
        sources.report(product(WebsiteDeleted, "9")),
        sources.report(product(StorageChanged, "file", bytes=90)),
        sources.report(product(GenerationCompleted, "10", user_id=2)),
        sources.export(exported(EXPORT)),
    ]


async def execute(database: Database, *statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def everything(stage: Stage, user_id: int) -> dict[str, Any]:
    """All that a user sees."""
    paths = ("stats", "recent-projects", "recent-activity", "notifications")
    return {path: await stage.read(path, user_id=user_id) for path in paths}


def numbers(stats: dict[str, Any]) -> Sequence[Any]:
    names = ("conversations", "websites", "funnels", "generations", "storage_used_bytes")
    return [stats[name] for name in names]


async def is_clean(command: RunCommand) -> None:
    result = await command("verify", "--pause", "0")
    assert (result.exit_code, result.stdout) == (0, "dashboard: no differences.\n")


DAMAGE = (
    "DELETE FROM conversation WHERE conversation_id = 2",
    "INSERT INTO conversation VALUES (99, 1, 'canary', false, 1, now())",
    "UPDATE conversation SET title = 'canary x' WHERE conversation_id = 1",
    "INSERT INTO generation VALUES (1, 'reply 99')",
    "UPDATE generation_count SET generations = 7 WHERE user_id = 2",
    "UPDATE storage SET size_bytes = 1 WHERE type = 'export'",
    "UPDATE product SET published_mark = NULL WHERE subject = '7'",
    "DELETE FROM product WHERE subject = '8'",
)
"""As if events had been lost, doubled or half applied."""


class TestVerify:
    async def test_what_the_sources_say_is_no_difference(
        self, stage: Stage, sources: SourcesDouble, command: RunCommand
    ) -> None:
        await stage.deliver(history(sources))
        await is_clean(command)

    async def test_a_deleted_users_replies_stay_in_the_ledger(
        self, stage: Stage, sources: SourcesDouble, command: RunCommand
    ) -> None:
        await stage.deliver(history(sources))
        sources.delete(2)
        del sources.kept["product-events"][3], sources.kept["product-events"][7]
        await stage.deliver([received(UserDeleted(user_id=2))])
        await is_clean(command)

    async def test_each_difference_is_listed_without_texts(
        self, stage: Stage, sources: SourcesDouble, command: RunCommand
    ) -> None:
        await stage.deliver(history(sources))
        await execute(stage.database, *DAMAGE)

        result = await command("verify", "--pause", "0", "--json")

        assert result.exit_code == 1
        found = [json.loads(line) for line in result.stdout.splitlines()]
        listed = {(each["kind"], each["id"]): (each["source"], each["model"]) for each in found}
        assert listed.keys() == {
            ("conversation", "2 2"),
            ("conversation", "1 99"),
            ("conversation", "1 1"),
            ("generation", "1 reply 99"),
            ("generation count", "2"),
            ("storage", f"1 export {EXPORT}"),
            ("project", "1 website 7"),
            ("project", "2 funnel 8"),
        }
        assert listed["generation", "1 reply 99"] == ("-", "counted")
        assert listed["generation count", "2"] == ("2", "7")
        assert listed["storage", f"1 export {EXPORT}"] == ("1500000 bytes", "1 bytes")
        assert listed["project", "1 website 7"][0].startswith("published, ")
        assert listed["project", "1 website 7"][1].startswith("draft, ")
        assert CANARY not in result.output

    async def test_without_its_sources_nothing_is_claimed(
        self, stage: Stage, sources: SourcesDouble, command: RunCommand
    ) -> None:
        await stage.deliver(history(sources))
        sources.is_away = True
        assert (await command("verify")).exit_code == 2


class TestRebuild:
    async def test_makes_right_what_was_wrong_and_keeps_what_was_told_and_read(
        self, stage: Stage, sources: SourcesDouble, command: RunCommand
    ) -> None:
        await stage.deliver(history(sources))
        await stage.ask("notifications/read-all", method="POST")
        await stage.deliver([sources.export(exported(f"{EXPORT[:-1]}b"))])
        before = [await everything(stage, user_id) for user_id in (1, 2)]
        await execute(stage.database, *DAMAGE)
        assert [await everything(stage, user_id) for user_id in (1, 2)] != before

        result = await command("rebuild")

        assert result.exit_code == 0, result.output
        assert result.stdout == "The dashboard is rebuilt, from 14 things.\n"
        assert "Dashboard: 14 things in " in result.stderr
        after = [await everything(stage, user_id) for user_id in (1, 2)]
        for one, other in zip(before, after, strict=True):
            assert numbers(one["stats"]) == numbers(other["stats"])
            assert [each["id"] for each in one["notifications"]["notifications"]] == [
                each["id"] for each in other["notifications"]["notifications"]
            ]
            assert one["notifications"]["unread_count"] == other["notifications"]["unread_count"]
            projects = [each["recent-projects"]["projects"] for each in (one, other)]
            assert [(each["name"], each["status"]) for each in projects[0]] == [
                (each["name"], each["status"]) for each in projects[1]
            ]
        await is_clean(command)

    @pytest.mark.parametrize("held", ["conversations", "generations", "product-events", "exports"])
    async def test_events_that_come_meanwhile_count_once(
        self,
        stage: Stage,
        sources: SourcesDouble,
        runtime: Runtime[DashboardSettings],
        command: RunCommand,
        held: str,
    ) -> None:
        late = sources.start(3, CANARY), sources.reply(14, 3)
        generation = sources.report(product(GenerationCompleted, "11"))
        await stage.deliver(history(sources))
        sources.held = held
        rebuilding = asyncio.create_task(rebuild(runtime))
        await sources.has_read.wait()

        # In a page that was read, and only now consumed.
        await stage.deliver([*late, generation])
        # After the page that was read.
        await stage.deliver(
            [
                sources.start(4, CANARY),
                sources.reply(15, 4),
                sources.change(1, title="Nouveau"),
                sources.report(product(WebsitePublished, "12", bytes=60)),
                sources.export(exported(f"{EXPORT[:-1]}c")),
            ]
        )
        # What the page still has.
        del sources.kept["exports"][EXPORT]
        await stage.deliver(
            [sources.delete(2), received(ExportRemoved(user_id=1, export_id=EXPORT))]
        )
        sources.may_go_on.set()
        await rebuilding

        # Told again, as after a Redis that lost everything.
        await stage.deliver([*late, generation])
        await is_clean(command)
        assert numbers(await stage.read("stats"))[0] == 3

    async def test_the_dashboard_is_read_all_the_while(
        self, stage: Stage, sources: SourcesDouble, runtime: Runtime[DashboardSettings]
    ) -> None:
        await stage.deliver(history(sources))
        before = numbers(await stage.read("stats"))
        for _ in range(3):
            rebuilding = asyncio.create_task(rebuild(runtime))
            while not rebuilding.done():
                assert numbers(await stage.read("stats")) == before
            await rebuilding
        assert numbers(await stage.read("stats")) == before

    async def test_the_new_tables_are_as_the_migrations_made_the_old_ones(
        self, stage: Stage, sources: SourcesDouble, command: RunCommand
    ) -> None:
        await stage.deliver(history(sources))
        before = await catalog(stage.database)
        assert (await command("rebuild")).exit_code == 0
        assert await catalog(stage.database) == before

    async def test_an_interrupted_one_leaves_everything_as_it_was(
        self,
        stage: Stage,
        sources: SourcesDouble,
        runtime: Runtime[DashboardSettings],
        command: RunCommand,
    ) -> None:
        await stage.deliver(history(sources))
        sources.held = "generations"
        rebuilding = asyncio.create_task(rebuild(runtime))
        await sources.has_read.wait()
        await cancel_and_wait(rebuilding)
        assert await schemas(stage.database) == 0

        sources.is_away = True
        result = await command("rebuild")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: The chat service answered 503")
        sources.is_away = False
        assert await schemas(stage.database) == 0
        await is_clean(command)

    async def test_one_at_a_time(
        self, stage: Stage, sources: SourcesDouble, runtime: Runtime[DashboardSettings]
    ) -> None:
        await stage.deliver(history(sources))
        sources.held = "exports"
        rebuilding = asyncio.create_task(rebuild(runtime))
        await sources.has_read.wait()
        with pytest.raises(ConflictError, match="being rebuilt already"):
            await rebuild(runtime)
        sources.may_go_on.set()
        assert await rebuilding == 13

    async def test_what_a_killed_one_left_is_cleared_by_the_next(
        self, stage: Stage, sources: SourcesDouble, command: RunCommand
    ) -> None:
        await execute(stage.database, "CREATE SCHEMA rebuilding", "CREATE TABLE rebuilding.x ()")
        await stage.deliver(history(sources))
        assert (await command("rebuild")).exit_code == 0
        await eventually(lambda: _none_left(stage.database))
        await is_clean(command)


@pytest.mark.fault("F12")
class TestEventsThatNobodyHasAnyMore:
    async def test_are_made_up_for(
        self,
        stage: Stage,
        sources: SourcesDouble,
        runtime: Runtime[DashboardSettings],
        command: RunCommand,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("webox_dashboard.rebuild_requests._LOOK_SECONDS", 0.1)
        history(sources)  # of which nothing arrived
        sources.is_away = True
        async with duties(runtime) as by_name:
            tasks = [asyncio.ensure_future(by_name[each]()) for each in ("consumer", "rebuilder")]
            # As chat's relay says it.
            await runtime.redis.xadd(stream_key("chat"), {GAP_FIELD: "search"})
            await runtime.redis.xadd(stream_key("chat"), {GAP_FIELD: "dashboard"})
            await eventually(lambda: is_asked_for(stage.database))
            sources.is_away = False

            async def done() -> bool:
                return not await is_asked_for(stage.database)

            await eventually(done)
            await cancel_and_wait(*tasks)
        await is_clean(command)
        assert numbers(await stage.read("stats"))[0] == 1


async def is_asked_for(database: Database) -> bool:
    async with database.transaction() as session:
        return bool(await session.scalar(text("SELECT count(*) FROM rebuild_request")))


async def catalog(database: Database) -> list[Any]:
    """Columns, constraints and indexes of every table in use."""
    queries = (
        (
            "SELECT table_schema, table_name, column_name, data_type, collation_name, is_nullable,"
            " column_default, is_generated, generation_expression FROM information_schema.columns"
            " WHERE table_schema = current_schema() ORDER BY 2, ordinal_position"
        ),
        "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname",
        (
            "SELECT conrelid::regclass::text, conname, contype::text FROM pg_constraint"
            " WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2"
        ),
    )
    async with database.transaction() as session:
        return [list(await session.execute(text(query))) for query in queries]


async def schemas(database: Database) -> int:
    async with database.transaction() as session:
        found = await session.scalar(
            text("SELECT count(*) FROM pg_namespace WHERE nspname = 'rebuilding'")
        )
    return int(found or 0)


async def _none_left(database: Database) -> bool:
    return await schemas(database) == 0
