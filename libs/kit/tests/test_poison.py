import json
import time
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis
from webox_probe.events import (
    HANDLE_STARTED,
    SOURCE,
    append,
    effects,
    effects_contain,
    execute,
    make_consumer,
    rows,
    running,
    wire,
)

from webox_kit.consumer import ConsumerStoppedError, ReceivedEvent
from webox_kit.database import Database, Session
from webox_kit.errors import UnavailableError
from webox_kit.streams import dead_letter_key, stream_key
from webox_kit.testing import eventually

pytestmark = pytest.mark.fault("F17")

CANARY = "canary-title"


def deep(levels: int) -> dict[str, object]:
    return {"d": deep(levels - 1)} if levels else {}


POISONS = {
    "empty": (b"", "ValidationError: json_invalid", "not JSON, 0 bytes"),
    "bad JSON": (b'{"id": "canary', "ValidationError: json_invalid", "not JSON, 14 bytes"),
    "not text": (b"\xff\xfe", "ValidationError: json_invalid", "not JSON, 2 bytes"),
    "not an object": (b'["canary"]', "ValidationError: model_type", "list, 10 bytes"),
    "unknown type": (
        wire(CANARY, type="chat.conversation_melted"),
        "UnknownEventError: unknown event 'chat.conversation_melted' in schema version 1",
        "title: str",
    ),
    "unknown version": (
        wire(CANARY, schemaversion=99),
        "UnknownEventError: unknown event 'chat.conversation_started' in schema version 99",
        "schemaversion: int",
    ),
    "missing attribute": (wire(CANARY, id=None), "ValidationError: id string_type", "id: NoneType"),
    "missing field": (
        wire(CANARY, data={"user_id": 1, "title": CANARY}),
        "ValidationError: conversation_id missing, folder missing",
        "data: {user_id: int, title: str}",
    ),
    "2 MB": (wire("canary" * 350_000), "EventTooLargeError:", "bytes"),
    "NUL in the id": (wire(CANARY, id="canary\0"), "DataError: DataError (None) at", "id: str"),
    "NUL in a name": (
        wire(CANARY, type="no\0type", **{"na\0me": 1}),
        "no\\x00type",
        "na\ufffdme: int",
    ),
    "deep": (json.dumps(deep(900)).encode(), "ValidationError:", "{d: {d: {d: {d: {d: dict}}}}}"),
}


class TestDeadLetters:
    @pytest.mark.parametrize("name", POISONS)
    async def test_each_kind_goes_aside_and_the_next_event_follows_soon(
        self, database: Database, redis: Redis, blocking_redis: Redis, name: str
    ) -> None:
        payload, reason, shape = POISONS[name]
        [entry_id] = await append(redis, payload)
        started = time.monotonic()
        await append(redis, wire("next"))
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, "next"))
        assert time.monotonic() - started < 5
        [letter] = await rows(database, "SELECT * FROM dead_letter")
        assert (letter.consumer, letter.stream) == ("probe", stream_key(SOURCE))
        assert letter.entry_id.encode() == entry_id
        assert letter.attempts == 5
        assert reason in letter.reason
        assert shape in letter.shape
        assert "canary" not in letter.reason + letter.shape
        assert letter.payload == payload[:65_536]
        [(_, in_stream)] = await redis.xrange(dead_letter_key("probe"))
        assert in_stream[b"entry"] == entry_id
        assert in_stream[b"reason"].decode() == letter.reason

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            ("SELECT length(:title) / 0", "DataError: DivisionByZero (22012)"),
            ("INSERT INTO effect VALUES (:title, 40000)", "NumericValueOutOfRange (22003)"),
            ("INSERT INTO effect (size) VALUES (length(:title))", "NotNullViolation (23502)"),
            # An operational error by its class, yet the event's own fault.
            (
                "SELECT repeat(:title, 99), array_fill(1, ARRAY[999999999])",
                "ProgramLimitExceeded (54000)",
            ),
        ],
        ids=["data", "range", "constraint", "limit"],
    )
    async def test_what_the_database_refuses_five_times(
        self,
        database: Database,
        redis: Redis,
        blocking_redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
        fault: str,
        reason: str,
    ) -> None:
        monkeypatch.setattr("webox_kit.consumer._FIRST_RETRY_SECONDS", 0.01)
        tries = 0

        async def handle(session: Session, events: Sequence[ReceivedEvent]) -> None:
            nonlocal tries
            await HANDLE_STARTED(session, events)
            if any(event.data.title == CANARY for event in events):  # type: ignore[attr-defined]
                tries += 1
                await execute(session, fault, title=CANARY)

        await append(redis, wire(CANARY), wire("next"))
        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "next"))
        assert tries == 1 + 5, "once in the batch, then alone"
        assert await effects(database) == ["next"]
        [letter] = await rows(database, "SELECT * FROM dead_letter")
        assert reason in letter.reason
        assert "at events.py:" in letter.reason, "the place in the service's own code"
        assert "canary" not in letter.reason

    async def test_a_passing_failure_is_tried_again(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        tries = 0

        async def handle(session: Session, events: Sequence[ReceivedEvent]) -> None:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise ValueError(CANARY)
            await HANDLE_STARTED(session, events)

        await append(redis, wire("stubborn"))
        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "stubborn"))
        assert await rows(database, "SELECT 1 FROM dead_letter") == []


class TestTwentyInARow:
    async def test_stop_the_consumer_and_stay_pending_for_the_mended_one(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        await append(redis, *(wire(str(number), schemaversion=2) for number in range(25)))
        with pytest.raises(ConsumerStoppedError, match="probe: 20 events in a row"):
            await make_consumer(database, blocking_redis).run()
        assert len(await rows(database, "SELECT 1 FROM dead_letter")) == 20
        assert (await redis.xpending(stream_key(SOURCE), "probe"))["pending"] == 25

    async def test_nineteen_and_a_good_one_do_not(
        self, database: Database, redis: Redis, blocking_redis: Redis
    ) -> None:
        for _ in range(2):
            await append(redis, *(wire("bad", schemaversion=2) for _ in range(19)), wire("good"))
        await append(redis, wire("end"))
        async with running(make_consumer(database, blocking_redis).run()):
            await eventually(lambda: effects_contain(database, "end"))
        assert len(await rows(database, "SELECT 1 FROM dead_letter")) == 38

    async def test_one_met_again_and_again_in_an_outage_counts_once(
        self,
        database: Database,
        redis: Redis,
        blocking_redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("webox_kit.consumer._OUTAGE_SECONDS", 0.01)
        outages = 0

        async def handle(session: Session, events: Sequence[ReceivedEvent]) -> None:
            nonlocal outages
            outages += 1
            if outages < 50:
                raise UnavailableError("The search engine is away.")
            await HANDLE_STARTED(session, events)

        await append(redis, wire("bad", schemaversion=2), wire("patient"))
        async with running(make_consumer(database, blocking_redis, handle).run()):
            await eventually(lambda: effects_contain(database, "patient"))
        assert len(await rows(database, "SELECT 1 FROM dead_letter")) == 1
        assert await redis.xlen(dead_letter_key("probe")) == 1
