"""The contract's rows of exports, literally."""

import hashlib
import io
import zipfile
from collections.abc import Mapping

import httpx
import pytest
from pypdf import PdfReader
from webox_stack import A_MOMENT, User, eventually, picked
from webox_stack.shapes import A_SHA256, A_UUID7

from webox_double import answer_text

QUESTION = "Comment améliorer ma stratégie marketing ?"
PATIENT = {"Prefer": "wait=60"}
JOB_FIELDS = {
    "id", "status", "progress", "format", "filename", "size_bytes", "sha256", "created_at",
    "started_at", "finished_at", "expires_at", "error", "download_url",
}  # fmt: skip


async def exported(user: User, conversation: int, kind: str) -> httpx.Response:
    response = await user.http.get(
        f"/api/chat/conversations/{conversation}/export?format={kind}", headers=PATIENT
    )
    assert response.status_code == 200, response.text
    return response


async def done(user: User, job: Mapping[str, object]) -> dict[str, object]:
    """The job once it is done."""

    async def is_done() -> dict[str, object]:
        now: dict[str, object] = await user.get(f"/api/exports/{job['id']}")
        assert now["status"] == "done"
        return now

    return await eventually(is_done, seconds=40)


class TestOfAConversation:
    @pytest.mark.parametrize(
        ("kind", "media_type"),
        [("txt", "text/plain; charset=utf-8"), ("md", "text/markdown; charset=utf-8")],
    )
    async def test_as_text(self, user: User, conversation: int, kind: str, media_type: str) -> None:
        response = await exported(user, conversation, kind)
        assert response.headers["Content-Type"] == media_type
        assert QUESTION in response.text
        assert "42 ✓ 日本語 😀 fin." in response.text
        assert "GPT-4" in response.text

    async def test_as_pdf_with_text_that_can_be_selected(
        self, user: User, conversation: int
    ) -> None:
        response = await exported(user, conversation, "pdf")
        assert response.headers["Content-Type"] == "application/pdf"
        pages = PdfReader(io.BytesIO(response.content)).pages
        text = " ".join(" ".join(page.extract_text() for page in pages).split())
        assert QUESTION in text
        answer = answer_text("gpt-4-turbo", QUESTION)
        assert answer.endswith("» : 42 ✓ 日本語 😀 fin.")
        assert answer in text

    async def test_pdf_is_what_one_gets_unasked(self, user: User, conversation: int) -> None:
        path = f"/api/chat/conversations/{conversation}/export"
        response = await user.http.get(path, headers=PATIENT)
        assert response.headers["Content-Type"] == "application/pdf"

    async def test_is_a_download_with_a_name(self, user: User, conversation: int) -> None:
        disposition = (await exported(user, conversation, "txt")).headers["Content-Disposition"]
        assert disposition.startswith("attachment; ")
        assert "filename*=UTF-8''Comment%20am%C3%A9liorer%20ma%20strat%C3%A9gie" in disposition
        assert disposition.endswith(".txt")

    async def test_another_format_is_400_with_those_there_are(
        self, user: User, conversation: int
    ) -> None:
        path = f"/api/chat/conversations/{conversation}/export?format=exe"
        detail = (await user.get(path, expect=400))["detail"]
        for known in ("pdf", "md", "txt", "json", "html", "docx"):
            assert known in detail

    async def test_not_waiting_is_202_with_the_job(self, user: User, conversation: int) -> None:
        response = await user.http.get(
            f"/api/chat/conversations/{conversation}/export?format=pdf",
            headers={"Prefer": "respond-async"},
        )
        assert response.status_code == 202
        job = response.json()
        assert job.keys() >= JOB_FIELDS
        assert response.headers["Location"] == f"/api/exports/{job['id']}"
        await done(user, job)


class TestJob:
    async def test_is_polled_until_it_is_done(self, user: User, conversation: int) -> None:
        body = {"format": "pdf", "conversation_ids": [conversation]}
        response = await user.http.post("/api/exports", json=body)
        assert response.status_code == 202
        job = response.json()
        assert response.headers["Location"] == f"/api/exports/{job['id']}"
        expected = {"id": A_UUID7, "format": "pdf", "error": None, "created_at": A_MOMENT}
        assert picked(job, expected) == expected
        assert job.keys() >= JOB_FIELDS
        finished = await done(user, job)
        expected = {
            "id": job["id"],
            "status": "done",
            "progress": 1,
            "filename": "Comment améliorer ma stratégie marketing.pdf",
            "sha256": A_SHA256,
            "started_at": A_MOMENT,
            "finished_at": A_MOMENT,
            "expires_at": A_MOMENT,
            "error": None,
            "download_url": f"/api/exports/{job['id']}/download",
        }
        assert picked(finished, expected) == expected

    async def test_is_in_the_list(self, user: User, conversation: int) -> None:
        body = {"format": "txt", "conversation_ids": [conversation]}
        job = await user.post("/api/exports", body, expect=202)
        finished = await done(user, job)
        assert await user.get("/api/exports") == {"exports": [finished], "next_cursor": None}

    async def test_made_once_for_one_idempotency_key(self, user: User, conversation: int) -> None:
        body = {"format": "txt", "conversation_ids": [conversation]}
        key = {"Idempotency-Key": "one"}
        first = await user.post("/api/exports", body, expect=202, headers=key)
        await done(user, first)
        again = await user.post("/api/exports", body, expect=202, headers=key)
        assert again["id"] == first["id"]
        await user.post("/api/exports", body | {"format": "md"}, expect=409, headers=key)

    async def test_of_several_conversations_is_a_zip(self, user: User, conversation: int) -> None:
        other = await user.send("Une autre question", selected_providers=["Claude"])
        ids = [conversation, other["conversation_id"]]
        job = await user.post(
            "/api/exports", {"format": "txt", "conversation_ids": ids}, expect=202
        )
        finished = await done(user, job)
        assert str(finished["filename"]).endswith(".zip")
        content = (await user.http.get(str(finished["download_url"]))).content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = [archive.read(name).decode() for name in archive.namelist()]
        for model, question in (("gpt-4-turbo", QUESTION), ("claude-3-opus", "Une autre question")):
            (text,) = [text for text in texts if f"[{model}]" in text]
            assert question in text

    async def test_by_filter_and_of_all(self, user: User, conversation: int) -> None:
        await user.post(f"/api/chat/conversations/{conversation}/favorite")
        for choice in ({"filter": {"favorite": True}}, {"all": True}):
            job = await user.post("/api/exports", {"format": "txt", **choice}, expect=202)
            assert str((await done(user, job))["filename"]).endswith(".zip")
        nothing = {"format": "txt", "filter": {"folder": "Nowhere"}}
        await user.post("/api/exports", nothing, expect=404)

    async def test_is_deleted_with_its_file(self, user: User, conversation: int) -> None:
        body = {"format": "txt", "conversation_ids": [conversation]}
        finished = await done(user, await user.post("/api/exports", body, expect=202))
        path = f"/api/exports/{finished['id']}"
        assert await user.delete(path, expect=204) is None
        await user.get(path, expect=404)
        await user.get(f"{path}/download", expect=404)


class TestDownload:
    @pytest.fixture
    async def job(self, user: User, conversation: int) -> dict[str, object]:
        body = {"format": "pdf", "conversation_ids": [conversation]}
        return await done(user, await user.post("/api/exports", body, expect=202))

    async def test_is_what_the_job_says(self, user: User, job: dict[str, object]) -> None:
        response = await user.http.get(str(job["download_url"]))
        assert response.status_code == 200
        assert len(response.content) == job["size_bytes"]
        assert hashlib.sha256(response.content).hexdigest() == job["sha256"]
        assert response.headers["Content-Length"] == str(job["size_bytes"])

    async def test_in_parts(self, user: User, job: dict[str, object]) -> None:
        url, size = str(job["download_url"]), job["size_bytes"]
        assert isinstance(size, int)
        whole = (await user.http.get(url)).content
        for asked, start, end in (
            ("bytes=0-99", 0, 100),
            (f"bytes=100-{size - 1}", 100, size),
            ("bytes=-10", size - 10, size),
            (f"bytes={size - 1}-", size - 1, size),
        ):
            part = await user.http.get(url, headers={"Range": asked})
            assert part.status_code == 206, asked
            assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
            assert part.content == whole[start:end]

    async def test_not_past_the_end(self, user: User, job: dict[str, object]) -> None:
        past = {"Range": f"bytes={job['size_bytes']}-"}
        response = await user.http.get(str(job["download_url"]), headers=past)
        assert response.status_code == 416
        assert response.headers["Content-Range"] == f"bytes */{job['size_bytes']}"

    async def test_not_again_for_who_has_it(self, user: User, job: dict[str, object]) -> None:
        etag = (await user.http.get(str(job["download_url"]))).headers["ETag"]
        response = await user.http.get(str(job["download_url"]), headers={"If-None-Match": etag})
        assert response.status_code == 304
        assert response.content == b""
