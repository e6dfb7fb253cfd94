"""`GET /api/chat/providers` tells which circuits are open, where the app knows."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from webox_chat.providers import Registry
from webox_chat.providers.endpoints import router
from webox_kit.circuits import SharedCircuits
from webox_kit.identity import current_user
from webox_kit.streams import connect


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def app(registry: Registry) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    app.state.registry = registry
    app.dependency_overrides[current_user] = lambda: None
    return app


async def circuits(app: FastAPI) -> dict[str, str]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://chat") as client:
        listed: Any = (await client.get("/api/chat/providers")).json()
    return {each["name"]: each["circuit"] for each in listed["providers"]}


async def test_all_are_closed_where_nobody_knows(app: FastAPI) -> None:
    assert await circuits(app) == {"openai": "closed", "anthropic": "closed"}


async def test_an_open_one_shows(app: FastAPI, registry: Registry, redis: Redis) -> None:
    app.state.circuits = SharedCircuits(redis)
    ill = registry.find("openai")
    assert ill is not None
    worker = SharedCircuits(redis).circuit(ill.name, ill.circuit)
    for _ in range(ill.circuit.failures):
        await (await worker.enter()).failed()
    assert await circuits(app) == {"openai": "open", "anthropic": "closed"}
