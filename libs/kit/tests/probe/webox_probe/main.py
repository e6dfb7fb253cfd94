"""The app of the tiny service: one route for each thing the kit does around routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from webox_kit import app as kit_app
from webox_kit.context import current_request
from webox_kit.database import Database
from webox_kit.errors import ConflictError, TooManyRequestsError
from webox_kit.identity import CallingService, CurrentUser
from webox_kit.ops import OpsSection, stream_section
from webox_kit.pagination import Cursor, Limit, Skip, decode_cursor, encode_cursor, reject_both
from webox_kit.runtime import Runtime
from webox_kit.text import CleanText
from webox_probe.settings import ProbeSettings

router = APIRouter(responses=kit_app.PROBLEMS)


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[CleanText, Field(max_length=20)]
    tags: list[Annotated[str, Field(max_length=5)]] = []
    sizes: dict[str, int] = {}


@router.post("/things", status_code=201)
async def create_thing(thing: Thing) -> Thing:
    return thing


@router.get("/things/{thing_id}")
async def read_thing(thing_id: int) -> dict[str, int]:
    return {"id": thing_id}


@router.get("/pages")
async def pages(
    limit: Limit = 50, cursor: Cursor = None, skip: Skip = None, tag: str | None = None
) -> dict[str, Any]:
    reject_both(cursor, skip)
    after = decode_cursor("pages", {"tag": tag}, cursor, 1)[0] if cursor else (skip or 0)
    items = list(range(after, min(after + limit, 120)))
    more = items[-1:] and items[-1] < 119
    following = encode_cursor("pages", {"tag": tag}, [items[-1] + 1]) if more else None
    return {"items": items, "next_cursor": following}


@router.get("/me")
async def me(user: CurrentUser) -> dict[str, int]:
    return {"user_id": user.user_id}


@router.get("/internal/caller")
async def caller(service: CallingService) -> dict[str, str | None]:
    request = current_request()
    return {"service": service, "request_id": request.request_id if request else None}


@router.get("/conflict")
async def conflict(detail: Annotated[str, Query()] = "Taken.") -> None:
    raise ConflictError(detail + "\ud800", members={"winner": 7})


@router.get("/busy")
async def busy() -> None:
    raise TooManyRequestsError("Too fast.", retry_after=3)


@router.get("/bug/{secret}")
async def bug(secret: str) -> None:
    raise RuntimeError(secret)


def _statements(database: Database) -> APIRouter:
    statements = APIRouter()

    @statements.post("/rows")
    async def insert(thing: Thing) -> None:
        async with database.transaction() as session:
            await session.execute(
                text("INSERT INTO effect (title, size) VALUES (:title, length(:title) * 5000)"),
                {"title": thing.name},
            )

    @statements.get("/outage")
    async def outage() -> None:
        raise OperationalError("SELECT", {}, ConnectionError("server closed the connection"))

    return statements


def create_app(settings: ProbeSettings) -> FastAPI:
    runtime = Runtime.create("probe", settings)

    @asynccontextmanager
    async def resources(_: FastAPI) -> AsyncIterator[None]:
        yield

    async def streams() -> OpsSection:
        return await stream_section(runtime.redis, "probe", ["chat"])

    return kit_app.create_app(
        runtime,
        title="Probe",
        routers=[router, _statements(runtime.database)],
        resources=resources,
        ops=[streams],
        media_types=["application/cloudevents-batch"],
    )
