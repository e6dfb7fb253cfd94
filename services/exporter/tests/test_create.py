import asyncio
from typing import Any

import pytest

from .conftest import Exporter, FakeChat


class TestWhatIsAnswered:
    async def test_a_queued_job_with_its_location(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(7, title="Stratégie: 2025/2026")
        response = await exporter.request(
            "POST", "/api/exports", json={"format": "pdf", "conversation_ids": [7]}
        )
        job = response.json()
        assert response.status_code == 202
        assert response.headers["location"] == f"/api/exports/{job['id']}"
        assert job == {
            "id": job["id"],
            "status": "queued",
            "progress": 0.0,
            "format": "pdf",
            "filename": "Stratégie- 2025-2026.pdf",
            "size_bytes": None,
            "sha256": None,
            "created_at": job["created_at"],
            "started_at": None,
            "finished_at": None,
            "expires_at": None,
            "error": None,
            "download_url": None,
        }
        assert job["id"][14] == "7", "a UUIDv7"
        assert await exporter.job(job["id"]) == job

    async def test_the_job_once_it_is_done(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(7)
        job = await exporter.done({"format": "txt", "conversation_ids": [7]})
        assert job["status"] == "done"
        assert job["progress"] == 1.0
        assert job["download_url"] == f"/api/exports/{job['id']}/download"
        assert job["created_at"] <= job["started_at"] <= job["finished_at"] < job["expires_at"]
        assert b"Bonjour" in await exporter.downloaded(job)

    async def test_the_language_of_the_caller(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(7)
        body = {"format": "txt", "conversation_ids": [7]}
        english = await exporter.done(body, headers={"Accept-Language": "de, en;q=0.8, fr;q=0.3"})
        french = await exporter.done(body)
        assert "24 November 2025" in (await exporter.downloaded(english)).decode()
        assert "24 novembre 2025" in (await exporter.downloaded(french)).decode()


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"conversation_ids": [1]},
            {"format": "pdf"},
            {"format": "pdf", "conversation_ids": []},
            {"format": "pdf", "conversation_ids": [1] * 1001},
            {"format": "pdf", "conversation_ids": ["1"]},
            {"format": "pdf", "conversation_ids": [0]},
            {"format": "pdf", "conversation_ids": [2**63]},
            {"format": "pdf", "conversation_ids": [1], "all": True},
            {"format": "pdf", "all": False},
            {"format": "pdf", "filter": {}},
            {"format": "pdf", "filter": {"folder": 3}},
            {"format": "pdf", "filter": {"folder": "x" * 101}},
            {"format": "pdf", "filter": {"colour": "red"}},
            {"format": "pdf", "filter": {"q": ""}},
            {"format": "pdf", "filter": {"q": " \n"}},
            {"format": "pdf", "filter": {"q": "x" * 513}},
            {"format": "pdf", "filter": {"q": 3}},
            {"format": 3, "conversation_ids": [1]},
            [],
            "text",
        ],
    )
    async def test_a_wrong_body(self, exporter: Exporter, chat: FakeChat, body: Any) -> None:
        chat.add(1)
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 400, response.text
        assert response.headers["content-type"] == "application/problem+json"
        assert (await exporter.get("/api/exports")).json()["exports"] == []

    async def test_a_format_there_is_not(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        body = {"format": "exe", "conversation_ids": [1]}
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 400
        assert "pdf, md, txt, json, html, docx" in response.json()["detail"]

    async def test_more_ids_than_a_thousand(self, exporter: Exporter, chat: FakeChat) -> None:
        for number in range(1, 1002):
            chat.add(number)
        body = {"format": "txt", "conversation_ids": list(range(1, 1001))}
        job = await exporter.ordered(body)
        assert job["filename"].endswith(".zip")
        body["conversation_ids"] = list(range(1, 1002))
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 400
        assert "1000" in response.text

    async def test_a_search_that_finds_more_than_a_thousand(
        self, exporter: Exporter, chat: FakeChat
    ) -> None:
        for number in range(1, 1002):
            chat.add(number)
        body = {"format": "txt", "filter": {"q": "mot"}}
        chat.found_by("mot", *range(1, 1001))
        await exporter.ordered(body)
        chat.found_by("beaucoup", *range(1, 1002))
        body = {"format": "txt", "filter": {"q": "beaucoup"}}
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 400
        assert "more than 1,000" in response.json()["detail"]

    async def test_a_search_that_finds_nothing(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        body = {"format": "md", "filter": {"q": "introuvable"}}
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 404
        assert "No conversation matches" in response.json()["detail"]

    async def test_one_deleted_among_others(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        chat.add(2)
        chat.delete(2)
        body = {"format": "md", "conversation_ids": [1, 2]}
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 404
        assert "no conversation 2" in response.json()["detail"]

    @pytest.mark.parametrize(
        ("title", "name"),
        [
            ("مرحبا " * 33 + "هل", None),
            ("a/b\\c\n\nd\u202ee", "a-b-c de"),
            ("../../etc/passwd\x00", "etc-passwd\ufffd"),
            ("\n \t", "conversation-1"),
        ],
    )
    async def test_titles_that_are_no_names(
        self, exporter: Exporter, chat: FakeChat, title: str, name: str | None
    ) -> None:
        chat.add(1, title=title)
        job = await exporter.done({"format": "txt", "conversation_ids": [1]})
        await exporter.downloaded(job)
        stem = job["filename"].removesuffix(".txt")
        assert stem == name or (name is None and title.startswith(stem) and len(stem) > 80)
        assert len(job["filename"].encode()) < 200

    async def test_a_conversation_that_is_not_there(
        self, exporter: Exporter, chat: FakeChat
    ) -> None:
        chat.add(1)
        chat.add(2, user_id=2)
        for ids in ([1, 99], [2]):
            body = {"format": "md", "conversation_ids": ids}
            response = await exporter.request("POST", "/api/exports", json=body)
            assert response.status_code == 404
            assert str(ids[-1]) in response.json()["detail"]

    async def test_a_filter_that_nothing_matches(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        body = {"format": "md", "filter": {"folder": "Vide"}}
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 404

    async def test_nobody(self, exporter: Exporter) -> None:
        for method, path in (("POST", "/api/exports"), ("GET", "/api/exports")):
            assert (await exporter.client.request(method, path)).status_code == 401

    async def test_text_that_cannot_be_stored(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1, folder="a\ufffdb\ufffd")
        body = rb'{"format": "txt", "filter": {"folder": "a\u0000b\ud800"}}'
        headers = {"content-type": "application/json"}
        response = await exporter.request("POST", "/api/exports", content=body, headers=headers)
        assert response.status_code == 202

    async def test_chat_away(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        chat.status = 500
        body = {"format": "md", "conversation_ids": [1]}
        response = await exporter.request("POST", "/api/exports", json=body)
        assert response.status_code == 503
        assert "retry-after" in response.headers


class TestTheSameAgain:
    async def test_one_job_while_it_is_under_way(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        chat.add(2)
        body = {"format": "md", "conversation_ids": [1, 2, 1]}
        jobs = await asyncio.gather(*(exporter.ordered(body) for _ in range(10)))
        assert len({job["id"] for job in jobs}) == 1
        other = await exporter.ordered({**body, "format": "txt"})
        assert other["id"] != jobs[0]["id"]

    async def test_a_new_job_when_it_is_over(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        body = {"format": "md", "conversation_ids": [1]}
        first = await exporter.done(body)
        assert (await exporter.ordered(body))["id"] != first["id"]

    async def test_idempotency_key(self, exporter: Exporter, chat: FakeChat) -> None:
        chat.add(1)
        body = {"format": "md", "conversation_ids": [1]}
        key = {"Idempotency-Key": "once"}
        first = await exporter.done(body, headers=key)
        again = await exporter.ordered(body, headers=key)
        assert again["id"] == first["id"]
        assert again["status"] == "done", "the current state of what the first one made"
        other = {"format": "txt", "conversation_ids": [1]}
        response = await exporter.request("POST", "/api/exports", json=other, headers=key)
        assert response.status_code == 409
        chat.add(5, user_id=2)
        mine = {"format": "md", "conversation_ids": [5]}
        assert (await exporter.ordered(mine, headers=key, user_id=2))["id"] != first["id"]


class TestSelections:
    @pytest.fixture(autouse=True)
    def conversations(self, chat: FakeChat) -> None:
        chat.add(1, folder="Travail", tags=["ia"], is_favorite=True)
        chat.add(2, folder="Travail", tags=["autre"])
        chat.add(3, folder="Privé", tags=["ia"], archived=True)
        chat.add(4, user_id=2, folder="Travail")
        chat.found_by("mot", 3, 2)

    @pytest.mark.parametrize(
        ("selection", "titles"),
        [
            ({"filter": {"folder": "Travail"}}, {1, 2}),
            ({"filter": {"tag": "ia"}}, {1, 3}),
            ({"filter": {"favorite": True}}, {1}),
            ({"filter": {"favorite": False}}, {2, 3}),
            ({"filter": {"folder": "Travail", "tag": "ia"}}, {1}),
            ({"filter": {"q": "mot"}}, {2, 3}),
            ({"filter": {"q": "mot", "folder": "Travail"}}, {2}),
            ({"all": True}, {1, 2, 3}),
            ({"conversation_ids": [3, 1]}, {1, 3}),
        ],
    )
    async def test_take_what_they_say(
        self, exporter: Exporter, selection: dict[str, Any], titles: set[int]
    ) -> None:
        job = await exporter.done({"format": "txt", **selection})
        assert job["filename"].endswith(".zip")
        content = await exporter.downloaded(job)
        for number in (1, 2, 3, 4):
            assert (f"Discussion {number}.txt".encode() in content) == (number in titles)
