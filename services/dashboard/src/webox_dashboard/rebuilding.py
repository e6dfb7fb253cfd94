"""Making the read models anew from their sources, while the ones in use serve and follow events.

docs/adr/0014 says why no event is lost or counted twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from webox_dashboard.models import conversation, generation, product
from webox_dashboard.projection import beside
from webox_dashboard.projection.repository import ProjectionRepository
from webox_dashboard.projection.service import add_beside
from webox_dashboard.settings import DashboardSettings
from webox_dashboard.sources import Sources
from webox_kit.database import Database, advisory_key
from webox_kit.errors import ConflictError, UnavailableError
from webox_kit.progress import Progress
from webox_kit.runtime import Runtime

_ALONE = advisory_key("webox:dashboard:rebuild")
_SWAP_TRIES = 20
_PAUSE_SECONDS = 0.2


async def rebuild(runtime: Runtime[DashboardSettings], progress: Progress | None = None) -> int:
    """Build beside, then swap; how many things the sources had. `progress` is told meanwhile.

    Raises:
        ConflictError: another rebuild is under way.
        UnavailableError: a source is away; the read models are as they were.
    """
    sources = Sources(runtime)
    try:
        async with _alone(runtime.database):
            return await rebuild_from(runtime.database, sources, progress)
    finally:
        await sources.close()


async def rebuild_from(
    database: Database, sources: Sources, progress: Progress | None = None
) -> int:
    await _begin(database)
    try:
        count = await _fill(database, sources, progress)
        await _swap(database)
    except BaseException:
        with suppress(SQLAlchemyError, OSError):
            await _abandon(database)
        raise
    return count


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            if not await connection.scalar(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": _ALONE}
            ):
                raise ConflictError("The dashboard is being rebuilt already.")
            yield
        finally:
            # Back in the pool it would keep the lock.
            await connection.invalidate()


async def _begin(database: Database) -> None:
    """From the commit on, every batch of events is applied to both sets of tables."""
    async with database.transaction() as session:
        await ProjectionRepository(session).take_turn()
        await beside.create(session)


async def _fill(database: Database, sources: Sources, progress: Progress | None) -> int:
    total, done = await _about(database), 0
    async for _, count, rows in sources.pages():
        async with database.transaction() as session:
            await add_beside(session, rows)
        done += count
        if progress is not None:
            progress.tell(done, max(total, done))
    if progress is not None:
        progress.end(done)
    return done


async def _swap(database: Database) -> None:
    async with database.transaction() as session:
        await beside.analyze(session)
    for _ in range(_SWAP_TRIES):
        try:
            async with database.transaction() as session:
                await ProjectionRepository(session).take_turn()
                await beside.put_in_place(session)
        except OperationalError:  # somebody reads: let them
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return
    raise UnavailableError("Somebody reads the old tables without end: try again later.")


async def _abandon(database: Database) -> None:
    async with database.transaction() as session:
        await ProjectionRepository(session).take_turn()
        await beside.drop(session)


async def _about(database: Database) -> int:
    """How many things there are in the tables in use: about as many as in the sources."""
    async with database.transaction() as session:
        return sum(
            [
                int(await session.scalar(select(func.count()).select_from(table)) or 0)
                for table in (conversation, generation, product)
            ]
        )
