import asyncio
import hashlib
import io
import time
import zipfile
from urllib.parse import unquote

import pypdf
import pytest

from webox_kit.testing import eventually

from .conftest import Exporter, FakeChat, message

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PATH = "/api/chat/conversations/7/export"


async def worked_on(exporter: Exporter) -> None:
    await eventually(exporter.work)


class TestTheFile:
    @pytest.mark.parametrize(
        ("name", "media_type"),
        [
            ("pdf", "application/pdf"),
            ("md", "text/markdown; charset=utf-8"),
            ("txt", "text/plain; charset=utf-8"),
            ("json", "application/json"),
            ("html", "text/html; charset=utf-8"),
            ("docx", DOCX),
        ],
    )
    async def test_in_each_format(
        self, exporter: Exporter, chat: FakeChat, name: str, media_type: str
    ) -> None:
        chat.add(7, [message(1, "Bonjour"), message(2, "Salut !", "assistant")], title="Été à Nice")
        response, _ = await asyncio.gather(
            exporter.get(f"{PATH}?format={name}"), worked_on(exporter)
        )
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == media_type
        disposition = response.headers["content-disposition"]
        assert f'filename="Ete a Nice.{name}"' in disposition
        assert unquote(disposition.partition("filename*=UTF-8''")[2]) == f"Été à Nice.{name}"
        text = response.content
        if name == "pdf":
            _, page = pypdf.PdfReader(io.BytesIO(text)).pages
            text = page.extract_text().encode()
        if name == "docx":
            with zipfile.ZipFile(io.BytesIO(text)) as package:
                text = package.read("word/document.xml")
        assert b"Bonjour" in text
        assert b"Salut !" in text
        digest = hashlib.sha256(response.content).hexdigest()
        assert response.headers["etag"] == f'"{digest}"'

    async def test_pdf_when_no_format_is_given(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(7)
        response, _ = await asyncio.gather(exporter.get(PATH), worked_on(exporter))
        assert response.content.startswith(b"%PDF-")

    async def test_ten_messages_are_there_soon(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(7, [message(n, f"Message {n} **gras**\n\n- a\n- b\n") for n in range(10)])
        seconds = []
        for _ in range(3):
            begun = time.perf_counter()
            response, _ = await asyncio.gather(exporter.get(PATH), worked_on(exporter))
            seconds.append(time.perf_counter() - begun)
            assert response.status_code == 200
        assert min(seconds) < 1


class TestNotInTime:
    @pytest.mark.parametrize("preference", ["respond-async", "wait=0", "respond-async, wait=0"])
    async def test_the_job_instead(
        self, exporter: Exporter, chat: FakeChat, preference: str
    ) -> None:
        chat.add(7)
        response = await exporter.get(PATH, headers={"Prefer": preference})
        job = response.json()
        assert response.status_code == 202
        assert response.headers["location"] == f"/api/exports/{job['id']}"
        assert job["status"] == "queued"
        assert await exporter.work()
        assert (await exporter.job(job["id"]))["status"] == "done"

    async def test_after_as_long_as_was_preferred(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(7)
        begun = time.perf_counter()
        response = await exporter.get(PATH, headers={"Prefer": "wait=1"})
        assert response.status_code == 202
        assert 1 <= time.perf_counter() - begun < 5

    async def test_waiting_holds_no_database_connection(
        self, exporter: Exporter, chat: FakeChat
    ) -> None:
        for number in range(1, 21):
            chat.add(number)
        waiting = [
            asyncio.ensure_future(exporter.get(f"/api/chat/conversations/{number}/export"))
            for number in range(1, 21)
        ]

        async def all_queued() -> bool:
            return len((await exporter.get("/api/exports")).json()["exports"]) == len(waiting)

        await eventually(all_queued)
        for _ in waiting:
            await worked_on(exporter)
        assert {(await each).status_code for each in waiting} == {200}


class TestWhatIsRefused:
    async def test_another_format(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(7)
        for name in ("exe", "", "PDF", "../../etc/passwd"):
            response = await exporter.get(PATH, params={"format": name})
            assert response.status_code == 400
            assert "pdf, md, txt, json, html, docx" in response.json()["detail"]

    async def test_a_conversation_that_is_not_there(
        self, exporter: Exporter, chat: FakeChat
    ) -> None:
        chat.add(7, user_id=2)
        assert (await exporter.get(PATH)).status_code == 404
        for wrong in ("0", "abc", "-1", str(2**63)):
            path = f"/api/chat/conversations/{wrong}/export"
            assert (await exporter.get(path)).status_code == 400

    async def test_nobody(self, exporter: Exporter) -> None:
        assert (await exporter.client.get(PATH)).status_code == 401

    async def test_one_deleted_while_it_is_exported(
        self, exporter: Exporter, chat: FakeChat
    ) -> None:
        chat.add(7)
        chat.gate.clear()
        asked = asyncio.ensure_future(exporter.get(PATH))
        working = asyncio.ensure_future(worked_on(exporter))
        await chat.reading.wait()
        chat.delete(7)
        chat.gate.set()
        await working
        response = await asked
        assert response.status_code == 404
        assert (await exporter.get("/api/exports")).json()["exports"][0]["status"] == "cancelled"
        assert exporter.stored() == []
