import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from webox_contracts.events import (
    ConversationDeleted,
    Event,
    EventData,
    SettingsChanged,
    UserDeleted,
)
from webox_exporter.settings import ExporterSettings
from webox_kit.preferences import preferences_of
from webox_kit.runtime import Runtime
from webox_kit.streams import stream_key
from webox_kit.testing import eventually

from .conftest import Exporter, FakeChat, message, now

Begin = Callable[..., Awaitable[None]]
ExporterRuntime = Runtime[ExporterSettings]


async def say(runtime: ExporterRuntime, stream: str, data: EventData) -> None:
    """Put an event on another service's stream."""
    event = Event.of(data, id=str(uuid4()), source=f"/webox/{stream}", time=now())
    await runtime.redis.xadd(stream_key(stream), {"event": event.model_dump_json()})


async def said(runtime: ExporterRuntime) -> list[tuple[str, dict[str, Any]]]:
    """The events in the outbox, oldest first: type and data."""
    async with runtime.database.transaction() as session:
        rows = await session.scalars(text("SELECT event FROM outbox ORDER BY id"))
        events = [json.loads(row) for row in rows]
    return [(event["type"], event["data"]) for event in events]


class TestEvents:
    async def test_done_is_said_on_the_stream(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime, on_duty: Begin
    ) -> None:
        chat.add(1, title="Titre secret")
        job = await exporter.done({"format": "md", "conversation_ids": [1]})
        await on_duty("relay")

        async def published() -> Any:
            return await runtime.redis.xlen(stream_key("exporter"))

        await eventually(published)
        [(_, entry)] = await runtime.redis.xrange(stream_key("exporter"))
        event = json.loads(entry[b"event"])
        assert event["type"] == "exporter.export_finished"
        assert event["subject"] == job["id"]
        assert event["data"] == {
            "user_id": 1,
            "version": 3,
            "export_id": job["id"],
            "status": "done",
            "format": "md",
            "filename": "Titre secret.md",
            "size_bytes": job["size_bytes"],
            "finished_at": event["data"]["finished_at"],
        }

    async def test_failed_is_said(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime
    ) -> None:
        chat.add(1, message_count=9)
        await exporter.done({"format": "md", "conversation_ids": [1]})
        [(kind, data)] = await said(runtime)
        assert (kind, data["status"]) == ("exporter.export_finished", "failed")

    async def test_deleted_is_said(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime
    ) -> None:
        chat.add(1)
        job = await exporter.done({"format": "md", "conversation_ids": [1]})
        await exporter.request("DELETE", f"/api/exports/{job['id']}")
        kinds = [kind for kind, _ in await said(runtime)]
        assert kinds == ["exporter.export_finished", "exporter.export_removed"]


class TestExpiry:
    async def test_the_file_goes_when_its_time_has_come(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime, on_duty: Begin
    ) -> None:
        chat.add(1)
        job = await exporter.done({"format": "md", "conversation_ids": [1]})
        async with runtime.database.transaction() as session:
            await session.execute(text("UPDATE export SET expires_at = now()"))
        early = await exporter.get(job["download_url"])
        assert early.status_code == 410, "even before anybody has cleaned up"
        await on_duty("clean-up")

        async def gone() -> bool:
            return not exporter.stored()

        await eventually(gone)
        expired = await exporter.job(job["id"])
        assert (expired["status"], expired["download_url"]) == ("expired", None)
        assert (await exporter.get(job["download_url"])).status_code == 410
        assert (await said(runtime))[-1][0] == "exporter.export_removed"

    async def test_seven_days(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime
    ) -> None:
        chat.add(1)
        await exporter.done({"format": "md", "conversation_ids": [1]})
        async with runtime.database.transaction() as session:
            kept = await session.scalar(text("SELECT expires_at - finished_at FROM export"))
        # Two looks at the database's clock, some microseconds apart.
        assert abs(kept - timedelta(days=7)) < timedelta(seconds=1)


class TestConversationDeleted:
    @pytest.mark.parametrize("body", [{"conversation_ids": [1]}, {"all": True}])
    async def test_finished_files_with_it_expire_at_once(
        self,
        exporter: Exporter,
        chat: FakeChat,
        runtime: ExporterRuntime,
        on_duty: Begin,
        body: dict[str, Any],
    ) -> None:
        for number in (1, 2):
            chat.add(number)
        with_it = await exporter.done({"format": "md", **body})
        without = await exporter.done({"format": "md", "conversation_ids": [2]})
        await on_duty("consumer", "clean-up")
        await say(runtime, "chat", ConversationDeleted(user_id=1, conversation_id=1, version=2))

        async def expired() -> bool:
            return (await exporter.get(with_it["download_url"])).status_code == 410

        async def removed() -> bool:
            return len(exporter.stored()) == 1

        await eventually(expired)
        await eventually(removed)
        await exporter.downloaded(without)

    async def test_jobs_under_way_are_cancelled(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime, on_duty: Begin
    ) -> None:
        chat.add(1, [message(n, "x") for n in range(600)])
        chat.add(2)
        chat.gate.clear()
        job = await exporter.ordered({"format": "pdf", "all": True})
        queued = await exporter.ordered({"format": "pdf", "conversation_ids": [1]})
        working = asyncio.ensure_future(exporter.work())
        await chat.reading.wait()
        await on_duty("consumer")
        await say(runtime, "chat", ConversationDeleted(user_id=1, conversation_id=1, version=2))

        async def cancelled() -> bool:
            jobs = [await exporter.job(each["id"]) for each in (job, queued)]
            return [each["status"] for each in jobs] == ["cancelled", "cancelled"]

        await eventually(cancelled)
        chat.gate.set()
        await working
        assert (await exporter.job(job["id"]))["error"]["code"] == "conversation_deleted"
        assert exporter.stored() == []

    async def test_anothers_event_changes_nothing(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime, on_duty: Begin
    ) -> None:
        chat.add(1)
        job = await exporter.done({"format": "md", "conversation_ids": [1]})
        await on_duty("consumer")
        await say(runtime, "chat", ConversationDeleted(user_id=2, conversation_id=1, version=2))

        async def consumed() -> Any:
            async with runtime.database.transaction() as session:
                return await session.scalar(text("SELECT count(*) FROM inbox"))

        await eventually(consumed)
        await exporter.downloaded(await exporter.job(job["id"]))


class TestUserDeleted:
    async def test_nothing_of_theirs_stays(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime, on_duty: Begin
    ) -> None:
        chat.add(1)
        chat.add(2, user_id=2)
        await exporter.done({"format": "md", "conversation_ids": [1]})
        theirs = {"format": "md", "conversation_ids": [2]}
        kept = await exporter.done(theirs, user_id=2)
        await on_duty("consumer", "clean-up")
        await say(runtime, "gateway", UserDeleted(user_id=1))

        async def gone() -> bool:
            return len(exporter.stored()) == 1

        await eventually(gone)
        assert (await exporter.get("/api/exports")).json()["exports"] == []
        await exporter.downloaded(kept, user_id=2)


class TestOps:
    async def test_queue_on_the_page(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        await exporter.ordered({"format": "md", "conversation_ids": [1]})
        headers = exporter.keys.user_headers("exporter", role="admin")
        page = (await exporter.client.get("/ops", headers=headers)).text
        assert "Queued" in page
        assert "Oldest queued" in page
        assert (await exporter.get("/ops")).status_code == 403


class TestSettings:
    async def test_documents_are_in_the_language_that_was_chosen(
        self, exporter: Exporter, chat: FakeChat, runtime: ExporterRuntime, on_duty: Begin
    ) -> None:
        chat.add(1)
        await on_duty("consumer")
        chosen = {"language": "en", "time_zone": None}
        await say(runtime, "chat", SettingsChanged(user_id=1, version=1, **chosen))
        body = {"format": "txt", "conversation_ids": [1]}

        async def followed() -> bool:
            return (await preferences_of(runtime.database, 1)).language == "en"

        await eventually(followed)
        job = await exporter.done(body, headers={"Accept-Language": "fr"})
        assert "24 November 2025" in (await exporter.downloaded(job)).decode()

        await say(runtime, "gateway", UserDeleted(user_id=1))

        async def forgotten() -> bool:
            return (await preferences_of(runtime.database, 1)).language is None

        await eventually(forgotten)
