"""`dead-letters list|show|retry|drop`, with the poison events of F17."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from webox_probe.events import (
    HANDLE_STARTED,
    append,
    effects,
    effects_contain,
    execute,
    make_consumer,
    rows,
    running,
    wire,
)
from webox_probe.main import create_app
from webox_probe.settings import ProbeSettings

from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database, Session
from webox_kit.letters import Letters, payload_of
from webox_kit.streams import retry_key
from webox_kit.testing import Keys, RunCommand, eventually, serve

CANARY = "canary-title"
POISONS = {
    "bad JSON": b'{"id": "canary',
    "unknown type": wire(CANARY, type="chat.conversation_melted"),
    "unknown version": wire(CANARY, schemaversion=99),
    "missing field": wire(CANARY, data={"user_id": 1, "title": CANARY}),
    "2 MB": wire("canary" * 350_000),
}


class Mendable:
    """A handler that fails for every event until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    async def __call__(self, session: Session, events: Sequence[ReceivedEvent]) -> None:
        if not self.mended:
            raise ValueError(CANARY)
        await HANDLE_STARTED(session, events)


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webox_kit.consumer._FIRST_RETRY_SECONDS", 0.01)


async def letters(database: Database) -> Sequence[Any]:
    return await rows(database, "SELECT * FROM dead_letter ORDER BY id")


async def bury(database: Database, redis: Redis, *payloads: bytes, handle: Any) -> list[int]:
    """The ids of the dead letters that these events became."""
    await append(redis, *payloads)
    async with running(make_consumer(database, redis, handle).run()):
        await eventually(lambda: _buried(database, len(payloads)))
    return [letter.id for letter in await letters(database)]


async def _buried(database: Database, count: int) -> bool:
    return len(await letters(database)) == count


class TestListAndShow:
    async def test_say_why_and_of_what_shape_but_never_what(
        self, database: Database, blocking_redis: Redis, run_command: RunCommand
    ) -> None:
        ids = await bury(database, blocking_redis, *POISONS.values(), handle=HANDLE_STARTED)

        listed = await run_command("dead-letters", "list")
        as_json = await run_command("dead-letters", "list", "--json")
        shown = await run_command("dead-letters", "show", *map(str, ids))

        assert (listed.exit_code, as_json.exit_code, shown.exit_code) == (0, 0, 0)
        found = [json.loads(line) for line in as_json.stdout.splitlines()]
        assert [each["id"] for each in found] == ids
        assert [each["service"] for each in found] == ["probe"] * 5
        assert [each["attempts"] for each in found] == [5] * 5
        assert [each["is_cut"] for each in found] == [False] * 4 + [True]
        assert found[1]["event_type"] == "chat.conversation_melted"
        assert "probe: 5 dead letters" in listed.stdout
        for reason in ("json_invalid", "schema version 99", "conversation_id missing"):
            assert reason in listed.stdout
        assert "data: {user_id: int, title: str}" in shown.stdout
        for output in (listed, as_json, shown):
            assert "canary" not in output.stdout + output.stderr

    async def test_none_is_said_too(self, run_command: RunCommand) -> None:
        assert (await run_command("dead-letters", "list")).stdout == "probe: no dead letters.\n"
        assert (await run_command("dead-letters", "list", "--json")).stdout == ""

    async def test_one_that_is_not_there_is_one_sentence(self, run_command: RunCommand) -> None:
        for verb in ("show", "retry", "drop"):
            result = await run_command("dead-letters", verb, "7")
            assert result.exit_code == 1
            assert result.stderr == "Error: probe has no dead letter 7.\n"

    async def test_a_database_that_is_away_is_one_sentence(self, run_command: RunCommand) -> None:
        nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
        result = await run_command("dead-letters", "list", WEBOX_DATABASE_URL=nowhere)
        assert result.exit_code == 1
        assert result.stderr == "Error: The database is away: try again when it is back.\n"


class TestRetry:
    async def test_what_is_mended_has_its_effect_once_and_goes(
        self, database: Database, blocking_redis: Redis, run_command: RunCommand
    ) -> None:
        handle = Mendable()
        ids = await bury(database, blocking_redis, wire("first"), wire("second"), handle=handle)
        handle.mended = True

        async with running(make_consumer(database, blocking_redis, handle).run()):
            retried = await run_command("dead-letters", "retry", "--all")
            again = await run_command("dead-letters", "retry", str(ids[0]))

        assert (retried.exit_code, retried.stdout) == (0, "probe: 2 dead letters applied.\n")
        assert again.exit_code == 1, "it is not there any more"
        assert await effects(database) == ["first", "second"]
        assert await letters(database) == []
        assert await blocking_redis.xlen(retry_key("probe")) == 0

    async def test_asked_for_twice_it_has_one_effect(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        handle = Mendable()
        await bury(database, blocking_redis, wire("once"), handle=handle)
        handle.mended = True
        box = Letters(database, redis, "probe")
        await box.put_back(await box.all())
        await box.put_back(await box.all())
        await append(redis, wire("end"))

        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "end"))
            await eventually(lambda: effects_contain(database, "once"))

        assert sorted(await effects(database)) == ["end", "once"]

    async def test_one_whose_effect_was_had_meanwhile_just_goes(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        handle, event = Mendable(), wire("once")
        await bury(database, blocking_redis, event, handle=handle)
        handle.mended = True
        await append(redis, event)  # as a relay does whose Redis lost everything

        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "once"))
            box = Letters(database, redis, "probe")
            await box.put_back(await box.all())
            await eventually(lambda: _buried(database, 0))

        assert await effects(database) == ["once"]

    async def test_one_that_fails_again_stays_and_holds_up_nobody(
        self, database: Database, redis: Redis, blocking_redis: Redis, run_command: RunCommand
    ) -> None:
        [key] = await bury(
            database, blocking_redis, POISONS["unknown version"], handle=HANDLE_STARTED
        )

        async with running(make_consumer(database, blocking_redis).run()):
            result = await run_command("dead-letters", "retry", str(key))
            await append(redis, wire("next"))
            await eventually(lambda: effects_contain(database, "next"))

        assert result.exit_code == 1
        assert f"probe: {key} failed again: UnknownEventError" in result.stdout
        [letter] = await letters(database)
        assert (letter.id, letter.attempts) == (key, 10)

    async def test_without_a_consumer_it_waits_for_one(
        self, database: Database, blocking_redis: Redis, run_command: RunCommand
    ) -> None:
        handle = Mendable()
        await bury(database, blocking_redis, wire("patient"), handle=handle)
        handle.mended = True

        result = await run_command("dead-letters", "retry", "--all", "--wait", "0")
        assert result.exit_code == 1
        assert "probe: 1 dead letter not taken yet: is the `events` process up?" in result.stdout

        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "patient"))
            await eventually(lambda: _buried(database, 0))

    async def test_other_services_do_not_see_it(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        handle, seen = Mendable(), []

        async def other(_: Session, events: Sequence[ReceivedEvent]) -> None:
            seen.extend(event.data.title for event in events)  # type: ignore[attr-defined]

        await bury(database, blocking_redis, wire("mine"), handle=handle)
        handle.mended = True
        async with (
            running(make_consumer(database, blocking_redis, handle).run()),
            running(make_consumer(database, blocking_redis, other, name="other").run()),
        ):
            box = Letters(database, redis, "probe")
            await box.put_back(await box.all())
            await eventually(lambda: effects_contain(database, "mine"))
            await append(redis, wire("end"))
            await eventually(lambda: _contains(seen, "end"))

        assert seen == ["mine", "end"], "each once: by the stream, not by the retry"

    async def test_what_was_not_kept_whole_cannot_be(
        self, database: Database, blocking_redis: Redis, run_command: RunCommand
    ) -> None:
        [key] = await bury(database, blocking_redis, POISONS["2 MB"], handle=HANDLE_STARTED)
        result = await run_command("dead-letters", "retry", str(key))
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: The event of dead letter {key} was larger")
        assert len(await letters(database)) == 1


async def _contains(titles: list[str], title: str) -> bool:
    return title in titles


class TestDrop:
    async def test_forgets_only_those_named(
        self, database: Database, redis: Redis, blocking_redis: Redis, run_command: RunCommand
    ) -> None:
        handle = Mendable()
        ids = await bury(database, blocking_redis, wire("a"), wire("b"), handle=handle)
        box = Letters(database, redis, "probe")
        await box.put_back(await box.some(ids[:1]))

        asked = await run_command("dead-letters", "drop", str(ids[0]))
        assert asked.exit_code == 1, "nobody said yes"
        assert len(await letters(database)) == 2
        dropped = await run_command("dead-letters", "drop", str(ids[0]), "--yes")

        assert (dropped.exit_code, dropped.stdout) == (0, "probe: 1 dead letter dropped.\n")
        assert [letter.id for letter in await letters(database)] == ids[1:]
        handle.mended = True
        await append(redis, wire("end"))
        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "end"))
        assert await effects(database) == ["end"], "asked for before it was dropped"

    async def test_one_dropped_while_it_is_tried_has_no_effect(
        self,
        database: Database,
        redis: Redis,
        blocking_redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        handle = Mendable()
        await bury(database, blocking_redis, wire("a"), handle=handle)
        handle.mended = True
        box = Letters(database, redis, "probe")
        await box.put_back(await box.all())
        await append(redis, wire("end"))

        async def read_just_before(session: Session, letter_id: int) -> bytes | None:
            payload = await payload_of(session, letter_id)
            await execute(session, "DELETE FROM dead_letter")
            return payload

        monkeypatch.setattr("webox_kit.consumer.payload_of", read_just_before)
        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "end"))
            await eventually(lambda: _is_taken(redis))
        assert await effects(database) == ["end"]

    async def test_which_has_to_be_said(self, run_command: RunCommand) -> None:
        for arguments in ((), ("7", "--all")):
            result = await run_command("dead-letters", "drop", *arguments)
            assert result.exit_code == 2
            assert "give their ids or --all" in result.stderr


async def _is_taken(redis: Redis) -> bool:
    return await redis.xlen(retry_key("probe")) == 0


class TestCount:
    async def test_is_in_the_metrics_and_on_the_operations_page(
        self,
        database: Database,
        blocking_redis: Redis,
        make_settings: Callable[..., ProbeSettings],
        keys: Keys,
    ) -> None:
        async with serve(create_app(make_settings(ProbeSettings))) as client:
            assert await metric(client) == 0
            await bury(database, blocking_redis, *POISONS.values(), handle=HANDLE_STARTED)
            assert await metric(client) == 5
            page = await client.get("/ops", headers=keys.user_headers("probe", role="admin"))
        assert "There are dead letters: see `webox dead-letters`." in page.text


async def metric(client: httpx.AsyncClient) -> float:
    name = 'webox_dead_letters_kept{service="probe"} '
    lines = (await client.get("/metrics")).text.splitlines()
    return float(next(line for line in lines if line.startswith(name)).removeprefix(name))
