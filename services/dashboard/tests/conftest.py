import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from webox_dashboard.main import create_app
from webox_dashboard.models import metadata
from webox_dashboard.rebuild_requests import rebuild_request
from webox_dashboard.settings import DashboardSettings
from webox_kit.database import Database
from webox_kit.event_tables import metadata as event_metadata
from webox_kit.migrations import migrate
from webox_kit.preferences import preference
from webox_kit.testing import Keys, serve
from webox_local.servers import Servers
from webox_local.testing import MakeDatabase

sys.path.insert(0, str(Path(__file__).parent / "support"))

from dashboard_stage import Stage


@pytest.fixture(scope="session")
async def migrated(make_database: MakeDatabase) -> str:
    url = make_database()
    database = Database(url)
    await migrate(database, "webox_dashboard")
    await database.close()
    return url


@pytest.fixture
def database_url(
    migrated: str, make_database: MakeDatabase, drop_database: Callable[[str], None]
) -> Iterator[str]:
    """An empty database at the newest migration."""
    url = make_database(template=migrated)
    yield url
    drop_database(url)


@pytest.fixture
def settings(make_settings: Callable[..., DashboardSettings]) -> DashboardSettings:
    """On a database and a Redis of the test's own."""
    return make_settings(DashboardSettings)


@pytest.fixture(scope="session")
async def served(
    migrated: str,
    make_database: MakeDatabase,
    servers: Servers,
    redis_numbers: Iterator[int],
    keys: Keys,
) -> AsyncIterator[Stage]:
    """One served dashboard for the whole session: starting one takes longer than a test."""
    number = next(redis_numbers)
    settings = DashboardSettings.load(
        database_url=make_database(template=migrated),
        redis_url=servers.redis.url(number),
        broker_url=servers.redis.broker_url(number),
        identity_public_key_file=keys.public_key_file,
        service_secret_file=keys.service_secret_file,
        testing=True,
    )
    database = Database(settings.database_url)
    async with serve(create_app(settings)) as client:
        yield Stage(client, database, keys)
    await database.close()


@pytest.fixture
async def stage(served: Stage) -> Stage:
    """The served dashboard, emptied."""
    async with served.database.transaction() as session:
        own = [*metadata.sorted_tables, rebuild_request]
        for table in [*own, *event_metadata.sorted_tables, preference]:
            await session.execute(delete(table))
    return served
