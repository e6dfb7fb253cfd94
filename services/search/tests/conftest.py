"""What search's tests share: chat's double, settings, and search's two processes as tasks."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

# What only these tests use.
sys.path.insert(0, str(Path(__file__).parent / "support"))

from search_support.asking import PATH, Ask, Events
from search_support.chat import ALICE, ChatDouble, running_chat
from search_support.reader import Reader
from search_support.waiting import until

from webox_kit.cancellation import cancel_and_wait
from webox_kit.database import Database
from webox_kit.duties import Duties
from webox_kit.migrations import migrate
from webox_kit.runtime import Runtime
from webox_kit.streams import connect
from webox_kit.testing import Keys, serve
from webox_local.testing import MakeDatabase
from webox_search.consumers import duties
from webox_search.main import create_app
from webox_search.settings import SearchSettings


@pytest.fixture(scope="session")
async def migrated(make_database: MakeDatabase) -> str:
    database = Database(make_database())
    await migrate(database, "webox_search")
    await database.close()
    return database.url.render_as_string(hide_password=False)


@pytest.fixture
def database_url(
    make_database: MakeDatabase, drop_database: Callable[[str], None], migrated: str
) -> Iterator[str]:
    """A migrated database: copying one takes a tenth of migrating it."""
    url = make_database(template=migrated)
    yield url
    drop_database(url)


@pytest.fixture
async def chat(redis_url: str) -> AsyncIterator[ChatDouble]:
    redis = connect(redis_url)
    async with running_chat(redis) as double:
        yield double
    await redis.aclose()


@pytest.fixture
def index_dir(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def reader(index_dir: Path) -> Reader:
    return Reader(index_dir)


@pytest.fixture
def settings(
    make_settings: Callable[..., SearchSettings], chat: ChatDouble, index_dir: Path
) -> SearchSettings:
    return make_settings(SearchSettings, chat_url=chat.url, index_dir=index_dir)


@pytest.fixture
async def client(settings: SearchSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the `api` process."""
    async with serve(create_app(settings)) as client:
        yield client


EventsProcess = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def events(settings: SearchSettings, index_dir: Path) -> EventsProcess:
    """`async with events():` what the `events` process does, from its first build on."""

    async def built() -> bool:
        return await asyncio.to_thread((index_dir / "current").exists)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        runtime = Runtime.create("search", settings)
        async with runtime.closing(), duties(runtime) as by_name:
            task = asyncio.create_task(Duties(runtime.database, "search", by_name).run())
            try:
                # A connection that is cut off while it logs in would hold up the test's end.
                await until(built, bool)
                yield
            finally:
                await cancel_and_wait(task)

    return running


@pytest.fixture
async def ask(client: httpx.AsyncClient, keys: Keys, events: Events) -> AsyncIterator[Ask]:
    """`await ask("q", limit=3)`: the response to ALICE, while the index is followed."""

    async def asked(q: str, who: int = ALICE, **parameters: Any) -> httpx.Response:
        headers = keys.user_headers("search", who)
        return await client.get(PATH, params={"q": q, **parameters}, headers=headers)

    async with events():
        yield asked
