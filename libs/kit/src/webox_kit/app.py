"""The HTTP app of a service: its routers, with health, metrics and operations around them."""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Lifespan

from webox_kit.cancellation import cancel_and_wait
from webox_kit.health import Check, Health, Readiness, readiness
from webox_kit.identity import current_admin
from webox_kit.letters import count_letters
from webox_kit.memory import give_back_memory
from webox_kit.metrics import KEPT_DEAD_LETTERS
from webox_kit.middleware import RequestMiddleware
from webox_kit.migrations import migrate
from webox_kit.ops import OpsSource, outbox_section, render_ops, requests_section
from webox_kit.problems import Problem, install_problem_handlers
from webox_kit.request_stats import RequestStats
from webox_kit.runtime import Runtime

_METRICS_SECONDS = 2.0
"""What a scrape waits for the database at most."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for status, description in {
        400: "Invalid request",
        401: "Not authenticated",
        404: "Not found, or somebody else's",
        503: "Unavailable for the moment",
    }.items()
}
"""For a router's `responses`: the problems every route can answer."""


class Resources(Protocol):
    """A service's own parts: opened when the app starts, put on `app.state`."""

    def __call__(self, app: FastAPI) -> AbstractAsyncContextManager[None]: ...


def create_app(
    runtime: Runtime[Any],
    *,
    title: str,
    routers: Sequence[APIRouter],
    resources: Resources,
    ops: Sequence[OpsSource] = (),
    checks: Mapping[str, Check] | None = None,
    media_types: Iterable[str] = (),
) -> FastAPI:
    """Compose a service's app.

    `app.state.stopping` is set when the process was told to stop: whoever waits for long, such as
    a stream, ends then. `checks` are dependencies it cannot serve without, besides its database;
    `ops` the sections of its operations page, besides requests and events; `media_types` what
    bodies may be besides JSON.
    """
    stats = RequestStats()
    app = FastAPI(
        title=title,
        version="0.1.0",
        lifespan=_lifespan(runtime, resources),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.verifier = runtime.verifier
    app.state.database = runtime.database
    app.state.stats = stats
    app.state.stopping = asyncio.Event()
    install_problem_handlers(app)
    for router in routers:
        app.include_router(router)
    app.include_router(_operations(runtime, stats, ops, checks or {}))
    app.add_middleware(RequestMiddleware, stats=stats, media_types=media_types)
    _document_problems(app)
    return app


def _lifespan(runtime: Runtime[Any], resources: Resources) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        async with runtime.closing():
            await migrate(runtime.database, runtime.package)
            giving_back = asyncio.create_task(give_back_memory())
            try:
                async with resources(app):
                    yield
            finally:
                await cancel_and_wait(giving_back)

    return lifespan


def _operations(
    runtime: Runtime[Any],
    stats: RequestStats,
    ops: Sequence[OpsSource],
    checks: Mapping[str, Check],
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    async def requests() -> Any:
        return requests_section(stats)

    async def events() -> Any:
        return await outbox_section(runtime.database)

    @router.get("/healthz")
    async def healthz() -> Health:
        return Health()

    @router.get("/readyz")
    async def readyz(response: Response) -> Readiness:
        required = {"database": runtime.database.ping, **checks}
        state = await readiness(required, {"redis": runtime.redis.ping})
        response.status_code = 503 if state.status == "unavailable" else 200
        return state

    @router.get("/metrics")
    async def metrics() -> Response:
        await _measure_dead_letters(runtime)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/ops", dependencies=[Depends(current_admin)])
    async def operations() -> HTMLResponse:
        return HTMLResponse(
            await render_ops(runtime.name, [requests, events, *ops]),
            headers={
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                "X-Content-Type-Options": "nosniff",
            },
        )

    return router


async def _measure_dead_letters(runtime: Runtime[Any]) -> None:
    """Whoever buries them is another process, which serves no metrics."""
    gauge = KEPT_DEAD_LETTERS.labels(runtime.name)
    try:
        async with asyncio.timeout(_METRICS_SECONDS), runtime.database.transaction() as session:
            gauge.set(await count_letters(session))
    except (SQLAlchemyError, OSError):
        gauge.set(math.nan)


def _document_problems(app: FastAPI) -> None:
    """Put the problem's schema into the OpenAPI document, and take FastAPI's 422 out of it."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = make()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for operations in document["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it
