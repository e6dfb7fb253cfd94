"""Fixtures of the gateway's tests: real PostgreSQL and Redis, real connections."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from webox_gateway.settings import GatewaySettings
from webox_gateway.testing import SERVICES, Gateway, StartGateway, Upstream, running, served
from webox_kit.database import Database
from webox_kit.migrations import migrate
from webox_kit.testing import Keys


@pytest.fixture(scope="session")
async def migrated(make_database: Callable[..., str]) -> str:
    """A database with the gateway's tables, copied for each test."""
    url = make_database()
    database = Database(url)
    await migrate(database, "webox_gateway")
    await database.close()
    return url


@pytest.fixture
def database_url(
    make_database: Callable[..., str], drop_database: Callable[[str], None], migrated: str
) -> Iterator[str]:
    url = make_database(template=migrated)
    yield url
    drop_database(url)


@pytest.fixture
async def start_gateway(
    make_settings: Callable[..., GatewaySettings], keys: Keys
) -> AsyncIterator[StartGateway]:
    async with AsyncExitStack() as stack:

        async def start(**more: object) -> Gateway:
            upstreams = {
                name: await stack.enter_async_context(running(Upstream(name))) for name in SERVICES
            }
            urls = {f"{name}_url": upstream.url for name, upstream in upstreams.items()}
            settings = make_settings(
                GatewaySettings,
                **{"identity_private_key_file": keys.private_key_file, **urls, **more},
            )
            return await stack.enter_async_context(served(settings, upstreams))

        yield start


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway()
