import uuid

import pytest

from .conftest import Exporter, FakeChat

ONE = {"format": "txt", "conversation_ids": [1]}


@pytest.fixture(autouse=True)
def conversation(chat: FakeChat) -> None:
    chat.add(1, title="Un titre")


class TestList:
    async def test_the_newest_first_in_pages(self, exporter: Exporter) -> None:
        made = [(await exporter.done(ONE))["id"] for _ in range(5)]
        first = (await exporter.get("/api/exports", params={"limit": 2})).json()
        assert [each["id"] for each in first["exports"]] == [made[4], made[3]]
        cursor = first["next_cursor"]
        second = (await exporter.get("/api/exports", params={"limit": 2, "cursor": cursor})).json()
        assert [each["id"] for each in second["exports"]] == [made[2], made[1]]
        last = (await exporter.get("/api/exports", params={"limit": 2, "skip": 4})).json()
        assert [each["id"] for each in last["exports"]] == [made[0]]
        assert last["next_cursor"] is None

    async def test_only_mine(self, exporter: Exporter) -> None:
        await exporter.ordered(ONE)
        assert (await exporter.get("/api/exports", user_id=2)).json() == {
            "exports": [],
            "next_cursor": None,
        }

    async def test_wrong_pages(self, exporter: Exporter) -> None:
        for _ in range(2):
            await exporter.done(ONE)
        cursor = (await exporter.get("/api/exports?limit=1")).json()["next_cursor"]
        for query in ("limit=0", "limit=201", "skip=-1", "cursor=x", f"cursor={cursor}&skip=1"):
            assert (await exporter.get(f"/api/exports?{query}")).status_code == 400, query
        theirs = await exporter.get(f"/api/exports?cursor={cursor}", user_id=2)
        assert theirs.status_code == 400


class TestSomebodyElses:
    @pytest.mark.parametrize("done", [True, False])
    async def test_answers_as_if_it_did_not_exist(self, exporter: Exporter, *, done: bool) -> None:
        job = await (exporter.done(ONE) if done else exporter.ordered(ONE))
        nobodys = uuid.uuid4()
        for method, suffix in (("GET", ""), ("DELETE", ""), ("GET", "/download")):
            answers = [
                await exporter.request(method, f"/api/exports/{each}{suffix}", user_id=2)
                for each in (job["id"], nobodys)
            ]
            assert [answer.status_code for answer in answers] == [404, 404]
            details = [answer.json()["detail"].split()[:4] for answer in answers]
            assert details[0] == details[1]
        assert (await exporter.job(job["id"]))["status"] == job["status"]

    async def test_no_id_at_all(self, exporter: Exporter) -> None:
        assert (await exporter.get("/api/exports/nothing")).status_code == 400


class TestDownload:
    async def test_parts_of_it(self, exporter: Exporter) -> None:
        job = await exporter.done(ONE)
        whole = await exporter.downloaded(job)
        size = len(whole)
        for asked, start, end in (
            ("bytes=0-9", 0, 10),
            ("bytes=10-", 10, size),
            ("bytes=-5", size - 5, size),
            (f"bytes=0-{size * 2}", 0, size),
            (f"bytes={size - 1}-{size - 1}", size - 1, size),
        ):
            response = await exporter.get(job["download_url"], headers={"Range": asked})
            assert response.content == whole[start:end], asked
            if (start, end) != (0, size):
                assert response.status_code == 206
                assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"

    async def test_parts_that_are_not_there(self, exporter: Exporter) -> None:
        job = await exporter.done(ONE)
        size = job["size_bytes"]
        for asked in (f"bytes={size}-", "bytes=-0", "bytes=9-1"):
            response = await exporter.get(job["download_url"], headers={"Range": asked})
            assert response.status_code == 416
            assert response.headers["content-range"] == f"bytes */{size}"

    async def test_all_of_it_for_what_is_no_single_range(self, exporter: Exporter) -> None:
        job = await exporter.done(ONE)
        many = "bytes=" + ",".join(f"{n}-{n}" for n in range(1000))
        for asked in (many, "bytes=-", "lines=1-2", "bytes=a-b", "bytes=1-2,3-4"):
            response = await exporter.get(job["download_url"], headers={"Range": asked})
            assert response.status_code == 200, asked
            assert len(response.content) == job["size_bytes"]

    async def test_conditions(self, exporter: Exporter) -> None:
        job = await exporter.done(ONE)
        etag = f'"{job["sha256"]}"'
        url = job["download_url"]
        known = await exporter.get(url, headers={"If-None-Match": f'"other", {etag}'})
        assert (known.status_code, known.content) == (304, b"")
        part = {"Range": "bytes=0-4"}
        same = await exporter.get(url, headers={**part, "If-Range": etag})
        assert same.status_code == 206
        changed = await exporter.get(url, headers={**part, "If-Range": '"other"'})
        assert changed.status_code == 200

    async def test_not_before_it_is_done(self, exporter: Exporter) -> None:
        job = await exporter.ordered(ONE)
        assert (await exporter.get(f"/api/exports/{job['id']}/download")).status_code == 404

    async def test_not_after_its_file_was_lost(self, exporter: Exporter) -> None:
        job = await exporter.done(ONE)
        await exporter.process.worker._files.remove_all(uuid.UUID(job["id"]))  # noqa: SLF001 - a lost disk
        assert (await exporter.get(job["download_url"])).status_code == 410


class TestDelete:
    async def test_a_queued_one_is_cancelled(self, exporter: Exporter) -> None:
        job = await exporter.ordered(ONE)
        response = await exporter.request("DELETE", f"/api/exports/{job['id']}")
        assert response.status_code == 200
        assert response.json()["status"] == "cancelled"
        assert not await exporter.work(), "there is nothing to do any more"
        assert (await exporter.job(job["id"]))["status"] == "cancelled"
        assert exporter.stored() == []

    async def test_a_finished_one_is_gone_with_its_file(self, exporter: Exporter) -> None:
        job = await exporter.done(ONE)
        assert len(exporter.stored()) == 1
        response = await exporter.request("DELETE", f"/api/exports/{job['id']}")
        assert (response.status_code, response.content) == (204, b"")
        assert exporter.stored() == []
        for path in (f"/api/exports/{job['id']}", job["download_url"]):
            assert (await exporter.get(path)).status_code == 404
        again = await exporter.request("DELETE", f"/api/exports/{job['id']}")
        assert again.status_code == 404
