"""Rebuilds that nobody typed: asked for by the consumer, when events are lost for good."""

import asyncio
from datetime import datetime

from sqlalchemy import Column, DateTime, Integer, Table, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from webox_dashboard.rebuilding import rebuild
from webox_dashboard.settings import DashboardSettings
from webox_kit.database import Session, new_metadata
from webox_kit.errors import ConflictError, UnavailableError
from webox_kit.logs import get_logger
from webox_kit.runtime import Runtime

log = get_logger(__name__)

_LOOK_SECONDS = 2.0

rebuild_request = Table(
    "rebuild_request",
    new_metadata(),
    Column("id", Integer, primary_key=True),
    Column("requested_at", DateTime(timezone=True), nullable=False),
)
"""One row while somebody waits for a rebuild."""


async def request_rebuild(session: Session) -> None:
    values = {"id": 1, "requested_at": func.clock_timestamp()}
    await session.execute(
        insert(rebuild_request)
        .values(values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )


async def rebuild_when_asked(runtime: Runtime[DashboardSettings]) -> None:
    """Until cancelled. What is asked for while a rebuild runs is another one."""
    while True:
        async with runtime.database.transaction() as session:
            asked_at = await session.scalar(select(rebuild_request.c.requested_at))
        if asked_at is not None:
            await _rebuild(runtime, asked_at)
        await asyncio.sleep(_LOOK_SECONDS)


async def _rebuild(runtime: Runtime[DashboardSettings], asked_at: datetime) -> None:
    try:
        count = await rebuild(runtime)
    except (ConflictError, UnavailableError) as error:
        log.warning("rebuild waits", reason=error.detail)
        return
    log.info("dashboard rebuilt", things=count)
    async with runtime.database.transaction() as session:
        await session.execute(
            delete(rebuild_request).where(rebuild_request.c.requested_at == asked_at)
        )
