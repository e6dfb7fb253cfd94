import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

from webox_kit.database import Database
from webox_kit.migrations import migrate
from webox_kit.streams import connect, connect_blocking
from webox_kit.testing import RunCli, RunCommand
from webox_local.testing import MakeDatabase

# The package of a tiny service, and what these tests share.
sys.path.insert(0, str(Path(__file__).parent / "probe"))

from webox_probe.cli import main
from webox_probe.settings import ProbeSettings
from webox_stack.proxy import Proxy


@pytest.fixture(scope="session")
async def migrated(make_database: MakeDatabase) -> str:
    database = Database(make_database())
    await migrate(database, "webox_probe")
    await database.close()
    return database.url.render_as_string(hide_password=False)


@pytest.fixture
def empty_database_url(
    make_database: MakeDatabase, drop_database: Callable[[str], None]
) -> Iterator[str]:
    url = make_database()
    yield url
    drop_database(url)


@pytest.fixture
def database_url(
    migrated: str, make_database: MakeDatabase, drop_database: Callable[[str], None]
) -> Iterator[str]:
    url = make_database(template=migrated)
    yield url
    drop_database(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def blocking_redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_blocking(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def redis_proxy(redis_url: str, short_folder: Path) -> AsyncIterator[Proxy]:
    """Between `proxied_redis_url` and the Redis of the session."""
    async with Proxy(Path(urlsplit(redis_url).path), short_folder / "redis.sock") as proxy:
        yield proxy


@pytest.fixture
def proxied_redis_url(redis_url: str, redis_proxy: Proxy) -> str:
    return redis_proxy.instead_of(redis_url)


@pytest.fixture
async def database_proxy(database_url: str, short_folder: Path) -> AsyncIterator[Proxy]:
    """Between `proxied_database_url` and the PostgreSQL of the session."""
    name = ".s.PGSQL.5432"
    target = Path(str(make_url(database_url).query["host"])) / name
    async with Proxy(target, short_folder / name) as proxy:
        yield proxy


@pytest.fixture
def proxied_database_url(database_url: str, database_proxy: Proxy) -> str:
    url = make_url(database_url).update_query_dict({"host": str(database_proxy.at.parent)})
    return url.render_as_string(hide_password=False)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Short enough for the path of a socket in it."""
    with tempfile.TemporaryDirectory(prefix="webox-") as folder:
        yield Path(folder)


@pytest.fixture
def run_command(run_cli: RunCli, make_settings: Callable[..., ProbeSettings]) -> RunCommand:
    """`await run_command("dead-letters", "list")`: the tiny service's own command."""
    return partial(run_cli, main, make_settings(ProbeSettings))
