"""Composes search's HTTP app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from webox_kit.app import create_app as create_service_app
from webox_kit.runtime import Runtime
from webox_search import internal, ops
from webox_search.endpoints import router
from webox_search.index.engines import open_index
from webox_search.service import SearchService
from webox_search.settings import SearchSettings


def create_app(settings: SearchSettings) -> FastAPI:
    runtime = Runtime.create("search", settings)
    index = open_index(settings)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.search = SearchService(index)
        yield
        await index.close()

    return create_service_app(
        runtime,
        title="Webox search",
        routers=[router, internal.router],
        resources=resources,
        ops=ops.sources(runtime, index),
        checks={"index": index.health},
    )
