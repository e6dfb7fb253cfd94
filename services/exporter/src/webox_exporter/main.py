"""Composes the exporter's HTTP app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from webox_exporter import endpoints, internal, ops
from webox_exporter.chat import ChatReader
from webox_exporter.files import FileStore
from webox_exporter.search import SearchReader
from webox_exporter.service import ExportService
from webox_exporter.settings import ExporterSettings
from webox_kit import app as kit_app
from webox_kit.runtime import Runtime
from webox_kit.signals import Signals
from webox_kit.tasks import TaskQueue, create_celery


def create_app(settings: ExporterSettings) -> FastAPI:
    runtime = Runtime.create("exporter", settings)
    files = FileStore(settings.files_url)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        client, search = runtime.client("chat"), runtime.client("search")
        tasks = TaskQueue(create_celery("exporter", settings.broker_url))
        async with Signals(runtime.blocking_redis) as signals:
            app.state.settings = settings
            app.state.files = files
            app.state.exports = ExportService(
                runtime.database, ChatReader(client, SearchReader(search)), files, tasks, signals
            )
            try:
                yield
            finally:
                await client.close()
                await search.close()
                await tasks.close()

    return kit_app.create_app(
        runtime,
        title="Webox exporter",
        routers=[endpoints.router, internal.router],
        resources=resources,
        ops=ops.sources(runtime),
    )
