import asyncio
import io
import resource
import signal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from webox_exporter.documents.formats import FORMATS
from webox_exporter.errors import DiskFullError
from webox_exporter.files import FileStore
from webox_exporter.schemas import StoredFile
from webox_exporter.settings import ExporterSettings
from webox_kit.runtime import Runtime

from .conftest import Exporter, FakeChat, message

ONE = {"format": "txt", "conversation_ids": [1]}


async def sql(runtime: Runtime[ExporterSettings], statement: str, **values: Any) -> None:
    async with runtime.database.transaction() as session:
        await session.execute(text(statement), values)


class TestWholeConversations:
    async def test_longer_than_a_page(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1, [message(n, f"number {n:05d}.") for n in range(1201)])
        job = await exporter.done(ONE)
        content = (await exporter.downloaded(job)).decode()
        places = [content.index(f"number {n:05d}.") for n in range(1201)]
        assert places == sorted(places)

    async def test_failed_replies_are_no_messages(self, exporter: Exporter, chat: FakeChat) -> None:
        entries = [
            message(1, "question"),
            message(2, "half", "assistant", status="cancelled"),
            message(3, "", "assistant", status="cancelled"),
            message(4, "broken", "assistant", status="failed"),
            message(5, "demo answer", "assistant", demo=True),
        ]
        chat.add(1, entries, message_count=3)
        content = (await exporter.downloaded(await exporter.done(ONE))).decode()
        assert "half" in content
        assert "broken" not in content
        assert content.count("interrompue") == 1
        assert content.count("démonstration") == 1

    @pytest.mark.parametrize("name", FORMATS)
    async def test_a_missing_message_fails_loudly(
        self, exporter: Exporter, chat: FakeChat, name: str
    ) -> None:
        chat.add(1, message_count=5)
        job = await exporter.done({**ONE, "format": name})
        assert job["status"] == "failed"
        assert job["error"]["code"] == "incomplete"
        assert job["download_url"] is None
        assert exporter.stored() == []

    async def test_messages_that_come_meanwhile_are_no_fault(
        self, exporter: Exporter, chat: FakeChat
    ) -> None:
        chat.add(1, [message(1, "a"), message(2, "b")])
        chat.gate.clear()
        job = await exporter.ordered(ONE)
        working = asyncio.ensure_future(exporter.work())
        await chat.reading.wait()
        chat.messages[1].append(message(3, "c"))
        chat.conversations[1][1]["message_count"] = 3
        chat.gate.set()
        await working
        assert (await exporter.job(job["id"]))["status"] == "done"


class TestArchives:
    async def test_one_document_each_and_an_index(self, exporter: Exporter, chat: FakeChat) -> None:
        for number, title in enumerate(
            ["Même titre", "même titre", "日本語 / заголовок", "../..", ""]
        ):
            chat.add(number + 1, [message(1, f"text {number}")], title=title)
        job = await exporter.done({"format": "md", "all": True})
        archive = zipfile.ZipFile(io.BytesIO(await exporter.downloaded(job)))
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == [
            "Même titre.md",
            "même titre (2).md",
            "日本語 - заголовок.md",
            "conversation-4.md",
            "conversation-5.md",
            "index.txt",
        ]
        for number, name in enumerate(names[:-1]):
            assert f"text {number}" in archive.read(name).decode()
        index = archive.read("index.txt").decode()
        assert all(name in index for name in names[:-1])

    async def test_pdfs(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        chat.add(2)
        job = await exporter.done({"format": "pdf", "conversation_ids": [2, 1]})
        archive = zipfile.ZipFile(io.BytesIO(await exporter.downloaded(job)))
        assert archive.namelist() == ["Discussion 2.pdf", "Discussion 1.pdf", "index.txt"]
        assert archive.read("Discussion 1.pdf").startswith(b"%PDF-")


class TestOtherPartsAway:
    async def test_chat_comes_back(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        chat.add(1)
        job = await exporter.ordered(ONE)
        chat.status = 500
        for _ in range(5):
            assert await exporter.work()
            assert (await exporter.job(job["id"]))["status"] == "queued", "not used up by outages"
            await sql(runtime, "UPDATE export SET lease_until = NULL")
        chat.status = 200
        assert await exporter.work()
        assert (await exporter.job(job["id"]))["status"] == "done"

    async def test_it_is_not_asked_again_at_once(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        await exporter.ordered(ONE)
        chat.status = 500
        assert await exporter.work()
        assert not await exporter.work()

    async def test_patience_ends(
        self, exporter: Exporter, chat: FakeChat, runtime: Runtime[ExporterSettings]
    ) -> None:
        chat.add(1)
        job = await exporter.ordered(ONE)
        chat.status = 500
        await sql(runtime, "UPDATE export SET created_at = now() - interval '2 hours'")
        assert await exporter.work()
        ended = await exporter.job(job["id"])
        assert (ended["status"], ended["error"]["code"]) == ("failed", "unavailable")

    async def test_an_error_of_ours(
        self, exporter: Exporter, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> int:
            raise RuntimeError("canary")

        chat.add(1)
        monkeypatch.setattr("webox_exporter.documents.text.render", broken)
        job = await exporter.done(ONE)
        assert (job["status"], job["error"]["code"]) == ("failed", "render_failed")
        assert "canary" not in str(job)
        assert exporter.stored() == []


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """As a full disk does, writing past `size` bytes fails."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


class TestDiskFull:
    def test_the_store_says_so_and_keeps_nothing(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path.as_uri())
        with no_file_above(100_000), pytest.raises(DiskFullError), store.writing("a/1") as writer:
            writer.write(b"x" * 12_000_000)
        assert [each for each in tmp_path.rglob("*") if each.is_file()] == []

    async def test_the_job_fails_and_the_next_one_works(
        self, exporter: Exporter, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chat.add(1)
        real = FileStore.publish

        def full(*_: object) -> StoredFile:
            raise DiskFullError

        monkeypatch.setattr(FileStore, "publish", full)
        job = await exporter.done(ONE)
        assert (job["status"], job["error"]["code"]) == ("failed", "disk_full")
        monkeypatch.setattr(FileStore, "publish", real)
        assert (await exporter.done(ONE))["status"] == "done"


class TestCancelling:
    async def test_in_the_middle(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1, [message(n, "x") for n in range(1200)])
        chat.gate.clear()
        job = await exporter.ordered(ONE)
        working = asyncio.ensure_future(exporter.work())
        await chat.reading.wait()
        response = await exporter.request("DELETE", f"/api/exports/{job['id']}")
        assert response.status_code == 200
        chat.gate.set()
        await working
        assert (await exporter.job(job["id"]))["status"] == "cancelled"
        assert exporter.stored() == []

    async def test_while_chat_does_not_answer(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        chat.gate.clear()
        job = await exporter.ordered(ONE)
        working = asyncio.ensure_future(exporter.work())
        await chat.reading.wait()
        await exporter.request("DELETE", f"/api/exports/{job['id']}")
        done, _ = await asyncio.wait([working], timeout=2)
        chat.gate.set()
        await working
        assert done, "two seconds after it was cancelled"
        assert exporter.stored() == []
