from collections.abc import AsyncIterator

import aiohttp
import pytest

from webox_double import Double, running_double


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with running_double() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
