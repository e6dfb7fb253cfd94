"""Composes the dashboard's HTTP app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from webox_dashboard import ops
from webox_dashboard.endpoints import router
from webox_dashboard.service import DashboardService
from webox_dashboard.settings import DashboardSettings
from webox_kit.app import create_app as create_service_app
from webox_kit.runtime import Runtime


def create_app(settings: DashboardSettings) -> FastAPI:
    runtime = Runtime.create("dashboard", settings)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.dashboard = DashboardService(
            runtime.database, storage_total_bytes=settings.storage_total_bytes
        )
        yield

    return create_service_app(
        runtime,
        title="Webox dashboard",
        routers=[router],
        resources=resources,
        ops=ops.sources(runtime),
    )
