import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from webox_contracts.identity import ASSERTION_HEADER
from webox_exporter.consumers import duties
from webox_exporter.main import create_app
from webox_exporter.settings import ExporterSettings
from webox_exporter.worker_process import WorkerProcess
from webox_kit.cancellation import cancel_and_wait
from webox_kit.database import Database
from webox_kit.identity import AssertionVerifier
from webox_kit.migrations import migrate
from webox_kit.runtime import Runtime
from webox_kit.testing import SERVICE_SECRET, Keys, serve

MOMENT = "2025-11-24T14:30:00Z"


@pytest.fixture(scope="session")
async def migrated(make_database: Callable[..., str]) -> str:
    url = make_database()
    database = Database(url)
    await migrate(database, "webox_exporter")
    await database.close()
    return url


@pytest.fixture
def database_url(
    make_database: Callable[..., str], drop_database: Callable[[str], None], migrated: str
) -> Iterator[str]:
    url = make_database(template=migrated)
    yield url
    drop_database(url)


def message(number: int, content: str, role: str = "user", **more: Any) -> dict[str, Any]:
    """A message as chat's internal API answers it."""
    reply = {"provider": "GPT-4", "model": "gpt-4-turbo"} if role == "assistant" else {}
    return {
        "id": number,
        "role": role,
        "content": content,
        "status": "done",
        "demo": False,
        "created_at": MOMENT,
        **reply,
        **more,
    }


@dataclass
class FakeChat:
    """Chat's internal API over what a test puts in: conversations by user and id."""

    verifier: AssertionVerifier
    search_verifier: AssertionVerifier
    conversations: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)
    messages: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    matches: dict[str, list[int]] = field(default_factory=dict)
    status: int = 200
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def add(
        self,
        conversation_id: int,
        messages: list[dict[str, Any]] | None = None,
        *,
        user_id: int = 1,
        **header: Any,
    ) -> None:
        messages = [message(1, "Bonjour")] if messages is None else messages
        self.messages[conversation_id] = messages
        self.conversations.setdefault(user_id, {})[conversation_id] = {
            "id": conversation_id,
            "title": f"Discussion {conversation_id}",
            "folder": "Général",
            "tags": [],
            "is_favorite": False,
            "archived": False,
            "message_count": len(messages),
            "created_at": MOMENT,
            "updated_at": MOMENT,
            **header,
        }

    def found_by(self, text: str, *conversation_ids: int) -> None:
        """What search, which is in the same server, finds for a text."""
        self.matches[text] = list(conversation_ids)

    def delete(self, conversation_id: int, user_id: int = 1) -> None:
        del self.conversations[user_id][conversation_id]

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/internal/users/{user}/conversations", self._list)
        app.router.add_get("/internal/users/{user}/conversations/{id}/messages", self._messages)
        app.router.add_get("/internal/users/{user}/matches", self._matches)
        return app

    async def _matches(self, request: web.Request) -> web.Response:
        assertion = request.headers.get(ASSERTION_HEADER)
        assert self.search_verifier.service(assertion) == "exporter"
        if self.status != 200:
            return web.json_response({}, status=self.status)
        found = self.matches.get(request.query["q"], [])
        mine = self.conversations.get(int(request.match_info["user"]), {})
        found = [each for each in found if _fits(mine[each], request.query)]
        return web.json_response(_paged("conversation_ids", found, request.query))

    async def _list(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        query = request.query
        found = list(self.conversations.get(int(request.match_info["user"]), {}).values())
        if "ids" in query:
            ids = set(map(int, query["ids"].split(",")))
            found = [each for each in found if each["id"] in ids]
        found = [each for each in found if _fits(each, query)]
        return web.json_response(_paged("conversations", found, query))

    async def _messages(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        self.reading.set()
        await self.gate.wait()
        mine = self.conversations.get(int(request.match_info["user"]), {})
        number = int(request.match_info["id"])
        if number not in mine:
            return web.json_response({"status": 404}, status=404)
        return web.json_response(_paged("messages", self.messages[number], request.query))

    def _refused(self, request: web.Request) -> web.Response | None:
        assert self.verifier.service(request.headers.get(ASSERTION_HEADER)) == "exporter"
        return None if self.status == 200 else web.json_response({}, status=self.status)


def _fits(header: dict[str, Any], query: Any) -> bool:
    return (
        header["folder"] == query.get("folder", header["folder"])
        and ("tag" not in query or query["tag"] in header["tags"])
        and ("favorite" not in query or str(header["is_favorite"]).lower() == query["favorite"])
    )


def _paged(name: str, items: list[Any], query: Any) -> dict[str, Any]:
    start, size = int(query.get("cursor", 0)), int(query["limit"])
    more = start + size < len(items)
    return {name: items[start : start + size], "next_cursor": str(start + size) if more else None}


@pytest.fixture
def chat(keys: Keys) -> FakeChat:
    chat, search = (
        AssertionVerifier(audience, keys.public_key_file, SERVICE_SECRET)
        for audience in ("chat", "search")
    )
    return FakeChat(chat, search)


@pytest.fixture
async def settings(
    make_settings: Callable[..., ExporterSettings], chat: FakeChat, tmp_path: Path
) -> AsyncIterator[ExporterSettings]:
    async with TestServer(chat.app()) as server:
        yield make_settings(
            ExporterSettings,
            chat_url=str(server.make_url("")),
            search_url=str(server.make_url("")),
            files_url=(tmp_path / "files").as_uri(),
            export_renew_seconds=0.05,
            export_pause_seconds=30,
        )


@dataclass
class Exporter:
    """The exporter's HTTP app with a document worker of this process; nothing works by itself."""

    settings: ExporterSettings
    client: httpx.AsyncClient
    keys: Keys
    process: WorkerProcess

    async def request(
        self, method: str, path: str, user_id: int = 1, **more: Any
    ) -> httpx.Response:
        headers = {**self.keys.user_headers("exporter", user_id), **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.request("GET", path, **more)

    async def ordered(self, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        response = await self.request("POST", "/api/exports", json=body, **more)
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    async def job(self, export_id: str, **more: Any) -> dict[str, Any]:
        response = await self.get(f"/api/exports/{export_id}", **more)
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        return job

    async def work(self) -> bool:
        """Let the worker do one job."""
        return await asyncio.to_thread(self.process.worker.do_next)

    async def done(self, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A job, ordered and worked on."""
        job = await self.ordered(body, **more)
        assert await self.work()
        return await self.job(job["id"], **more)

    async def downloaded(self, job: dict[str, Any], **more: Any) -> bytes:
        """The file of a job that must be done; its hash and size must be as the job says."""
        assert job["status"] == "done", job
        response = await self.get(job["download_url"], **more)
        assert response.status_code == 200, response.text
        assert hashlib.sha256(response.content).hexdigest() == job["sha256"]
        assert len(response.content) == job["size_bytes"]
        return response.content

    def stored(self) -> list[str]:
        """Every file in the store, unfinished ones too."""
        folder = Path(self.settings.files_url.removeprefix("file://"))
        return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


@pytest.fixture
async def process(settings: ExporterSettings) -> AsyncIterator[WorkerProcess]:
    process = WorkerProcess(settings)
    await asyncio.to_thread(process.open)
    yield process
    await asyncio.to_thread(process.close)


@pytest.fixture
async def exporter(
    settings: ExporterSettings, keys: Keys, process: WorkerProcess
) -> AsyncIterator[Exporter]:
    async with serve(create_app(settings)) as client:
        yield Exporter(settings, client, keys, process)


@pytest.fixture
async def runtime(settings: ExporterSettings) -> AsyncIterator[Runtime[ExporterSettings]]:
    runtime = Runtime.create("exporter", settings)
    async with runtime.closing():
        yield runtime


@pytest.fixture
async def on_duty(
    runtime: Runtime[ExporterSettings],
) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """`await on_duty("relay", …)`: do these duties of the `events` process until the test ends."""
    async with duties(runtime) as by_name:
        tasks: list[asyncio.Task[None]] = []

        async def begin(*names: str) -> None:
            tasks.extend(asyncio.ensure_future(by_name[name]()) for name in names)

        yield begin
        await cancel_and_wait(*tasks)


def now() -> datetime:
    return datetime.now(UTC)
