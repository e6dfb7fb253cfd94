"""What goes over the wire to Meilisearch, against a recorder in its place.

The shared suite runs on a real server where there is one; this part always runs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from webox_search.errors import IndexUnavailableError
from webox_search.index import meilisearch_queries as queries
from webox_search.index.base import Document, Facet, Filters, SearchQuery
from webox_search.index.meilisearch import MeilisearchIndex, RefusedTaskError
from webox_search.index.parsing import parse
from webox_search.index.plain import MARK_END, MARK_START

MESSAGE = Document(
    kind="message",
    user_id=1,
    conversation_id=5,
    created_at=datetime(2025, 11, 24, tzinfo=UTC),
    text="Une **stratégie**",
    version=1,
    message_id=7,
    role="user",
)


TITLE = {
    "conversation_id": 5,
    "message_id": 0,
    "created_at": 1763994600,
    "names": {"folder": "Été", "tags": ["A", "b"], "provider": None},
    "role": None,
    "is_favorite": True,
    "archived": False,
}


MASTER_KEY = "canary-master-key"


@dataclass
class Recorder:
    """Answers as a Meilisearch server would that knows one message; notes all but keys."""

    url: str = ""
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    has_index: bool = True
    task_error: dict[str, str] | None = None
    keys: list[dict[str, Any]] = field(default_factory=list)
    seen_keys: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        authorization = request.headers.get("Authorization", "")
        if request.path == "/keys":
            return self._keys(authorization, body)
        self.requests.append((request.method, request.path, body))
        self.seen_keys.add(authorization)
        if request.path == "/multi-search":
            return self._search(body)
        if request.path.startswith("/tasks/"):
            return web.json_response(self._task())
        if request.path.endswith("/documents/fetch"):
            is_title = "names" in body["fields"]
            return web.json_response(
                {
                    "results": [TITLE if is_title else {"conversation_id": 5, "message_id": 7}],
                    "offset": 0,
                    "limit": 1000,
                    "total": 1,
                }
            )
        if request.method == "GET" and request.path.endswith("/documents/complete"):
            return web.json_response(queries.COMPLETE) if self.has_index else _missing()
        return web.json_response(
            {
                "taskUid": len(self.requests),
                "status": "enqueued",
                "type": "any",
                "indexUid": "any",
                "enqueuedAt": "2025-11-24T14:30:00.123456789Z",
            },
            status=202,
        )

    def _keys(self, authorization: str, body: Any) -> web.Response:
        if authorization != f"Bearer {MASTER_KEY}":
            error = {"code": "invalid_api_key", "message": "The provided API key is invalid."}
            return web.json_response(error, status=403)
        if body is None:
            page = {"results": self.keys, "offset": 0, "limit": 1000, "total": len(self.keys)}
            return web.json_response(page)
        made = {"uid": f"uid-{len(self.keys)}", "key": f"own-key-{len(self.keys)}"}
        dates = {
            "createdAt": "2025-11-24T14:30:00.123456789Z",
            "updatedAt": "2025-11-24T14:30:00.123456789Z",
        }
        self.keys.append({**body, **made, **dates})
        return web.json_response(self.keys[-1], status=201)

    def _search(self, body: Any) -> web.Response:
        if not self.has_index:
            return _missing()
        results = [{"hits": [self._hit(query)]} for query in body["queries"]]
        return web.json_response({"results": results})

    def _hit(self, query: dict[str, Any]) -> dict[str, Any]:
        place = {"conversation_id": 5, "message_id": 7, "created_at": 1763994600}
        names = {"folder": None, "tags": [], "provider": "GPT-4"}
        hit = {**place, "text": "Une stratégie", "_rankingScore": 0.9, "names": names}
        hit["role"] = "assistant"
        if "attributesToHighlight" in query:
            hit["_formatted"] = {"text": f"Une {MARK_START}stratégie{MARK_END}"}
        return hit

    def _task(self) -> dict[str, Any]:
        return {
            "uid": 1,
            "status": "failed" if self.task_error else "succeeded",
            "type": "documentAdditionOrUpdate",
            "error": self.task_error,
            "enqueuedAt": "2025-11-24T14:30:00.123456789Z",
        }

    def paths(self, *methods: str) -> list[str]:
        return [path for method, path, _ in self.requests if method in methods]


def _missing() -> web.Response:
    return web.json_response({"code": "index_not_found", "message": "Index not found"}, status=404)


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", recorder.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    recorder.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield recorder
    await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Recorder]:
    async with recording() as recorder:
        yield recorder


@pytest.fixture
def index(server: Recorder) -> MeilisearchIndex:
    return MeilisearchIndex(server.url, "key")


class TestKeys:
    async def test_with_the_master_key_one_of_its_own_is_made_once(self, server):
        for _ in range(2):  # each time a service starts
            index = MeilisearchIndex(server.url, MASTER_KEY)
            await asyncio.gather(*(index.ensure() for _ in range(3)))
        [made] = server.keys
        assert made["indexes"] == ["webox-*"]
        assert "keys.get" not in made["actions"]
        assert "*" not in made["actions"]
        assert server.seen_keys == {"Bearer own-key-0"}

    async def test_a_key_that_reaches_other_indexes_is_not_taken(self, server):
        await MeilisearchIndex(server.url, MASTER_KEY, name="other").ensure()
        await MeilisearchIndex(server.url, MASTER_KEY).ensure()
        assert [each["indexes"] for each in server.keys] == [["other-*"], ["webox-*"]]

    async def test_a_key_that_may_make_no_keys_is_used_as_it_is(self, server):
        await MeilisearchIndex(server.url, "limited").ensure()
        assert (server.keys, server.seen_keys) == ([], {"Bearer limited"})

    async def test_a_server_without_keys_is_asked_for_none(self, server):
        await MeilisearchIndex(server.url, None).ensure()
        assert server.keys == []


class TestTasks:
    async def test_many_that_succeeded_are_forgotten(self, server, index, monkeypatch):
        monkeypatch.setattr("webox_search.index.meilisearch._MOST_FINISHED_TASKS", 3)
        for documents, forgotten in ((2, []), (1, ["/tasks"])):
            for _ in range(documents):
                await index.upsert([MESSAGE])
            await index.commit()
            assert server.paths("DELETE") == forgotten


class TestSearch:
    async def test_every_request_is_limited_to_the_user(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        filters = Filters(folder='x" OR user_id = 2', role="user")

        await index.search(SearchQuery(1, "stratégie OR user_id = 2", filters))

        asked = [
            query
            for _, path, body in server.requests
            for query in (body["queries"] if path == "/multi-search" else [body])
        ]
        assert len(asked) >= 3
        assert all(query["filter"][0] == "user_id = 1" for query in asked)

    async def test_marks_become_highlights(self, index: MeilisearchIndex) -> None:
        page = await index.search(SearchQuery(1, "strategie"))

        (row,) = page.rows
        assert (row.snippet, row.snippet_highlights) == ("Une stratégie", ((4, 13),))
        assert (row.conversation_id, row.message_id, page.total) == (5, 7, 1)

    async def test_facets_are_counted_from_names_as_written(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        every: tuple[Facet, ...] = ("folder", "tag", "provider", "role", "favorite", "archived")
        page = await index.search(SearchQuery(1, "strategie", facets=every))

        assert page.facets == {
            "folder": [("Été", 1)],
            "tag": [("A", 1), ("b", 1)],
            "provider": [("GPT-4", 1)],
            "role": [("assistant", 1)],
            "favorite": [("true", 1)],
            "archived": [("false", 1)],
        }
        (titles,) = [body for _, path, body in server.requests if path.endswith("/documents/fetch")]
        assert titles["filter"] == ["user_id = 1", "message_id = 0 AND conversation_id IN [5]"]

    async def test_a_missing_index_finds_nothing(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        server.has_index = False

        assert (await index.search(SearchQuery(1, "x"))).total == 0
        assert not await index.ensure()

    async def test_ids_are_asked_for_by_kind_without_texts(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        assert await index.ids("title") == {5}
        assert await index.ids("message") == {7}

        asked = [body for _, path, body in server.requests if path.endswith("/documents/fetch")]
        assert [(each["filter"], each["fields"]) for each in asked] == [
            (["message_id = 0"], ["conversation_id"]),
            (["message_id != 0"], ["message_id"]),
        ]

    async def test_a_server_that_is_away(self) -> None:
        away = MeilisearchIndex("http://127.0.0.1:9", "key")

        with pytest.raises(IndexUnavailableError):
            await away.search(SearchQuery(1, "x"))
        with pytest.raises(IndexUnavailableError):
            await away.ensure()


class TestWriting:
    async def test_a_commit_waits_for_the_tasks(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        await index.upsert([MESSAGE])
        await index.commit()

        assert "/indexes/webox-1/documents" in server.paths("POST")
        assert any(path.startswith("/tasks/") for path in server.paths("GET"))

    @pytest.mark.fault("F15")
    async def test_a_task_that_fails_is_an_outage_and_done_again_by_who_did_it(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        await index.upsert([MESSAGE])
        server.task_error = {"type": "internal", "code": "no_space_left_on_device"}
        with pytest.raises(IndexUnavailableError):
            await index.commit()
        server.task_error = None

        # The failed task is not waited for once more; the same batch comes again, and stays.
        await index.commit()
        await index.upsert([MESSAGE])
        await index.commit()

        assert server.paths("POST").count("/indexes/webox-1/documents") == 2

    async def test_a_task_that_is_refused_is_not(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        await index.upsert([MESSAGE])
        server.task_error = {"type": "invalid_request", "code": "invalid_document_id"}

        with pytest.raises(RefusedTaskError):
            await index.commit()

    async def test_a_rebuild_is_swapped_in_when_it_is_marked_complete(
        self, server: Recorder, index: MeilisearchIndex
    ) -> None:
        rebuild = await index.begin_rebuild()
        await rebuild.upsert([MESSAGE])
        await rebuild.finish()

        writes = server.paths("POST", "PATCH", "DELETE")
        assert writes.index("/swap-indexes") == len(writes) - 2
        assert writes[-1] == "/indexes/webox-1-next"
        assert "/indexes/webox-1/documents" not in writes
        added = [body for _, path, body in server.requests if path.endswith("-next/documents")]
        assert added[-1] == [queries.COMPLETE]


class TestQueryText:
    @pytest.mark.parametrize(
        ("text", "sent"),
        [
            ("Stratégie mark", "strategie mark"),
            ('"une stratégie" -plan', '-"plan" "une strategie"'),
            ("機械学習 python", '"機械学習" python'),
            ('un "AND deux', "un and deux"),
            ("foo.bar()", "foo bar"),
        ],
    )
    def test_only_our_own_syntax_is_sent(self, text: str, sent: str) -> None:
        assert queries.query_text(parse(text)) == sent

    def test_names_are_quoted(self) -> None:
        (condition,) = [
            each
            for each in queries.conversation_filters(Filters(folder='a"b\\'))
            if each.startswith("folder")
        ]

        assert condition == 'folder = "a\\"b\\\\"'

    def test_marks_that_touch_are_one(self) -> None:
        text = f"{MARK_START}機{MARK_END}{MARK_START}械{MARK_END} et {MARK_START}学{MARK_END}"

        assert queries.unmarked(text) == ("機械 et 学", ((0, 2), (6, 7)))
