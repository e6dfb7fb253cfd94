"""Read models that are being built beside the ones in use, in a schema of their own.

Activity, notifications and tombstones have no other source than the events that made them: they
stay where they are, and both sets of tables share them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Connection, func, select, text

from webox_dashboard.models import (
    conversation,
    generation,
    generation_count,
    metadata,
    product,
    storage,
)
from webox_kit.database import Session

SCHEMA = "rebuilding"
REBUILT = (product, storage, conversation, generation, generation_count)
# Less than PostgreSQL waits before it looks for deadlocks (1 s): it is us who give way.
_LOCK_WAIT = "500ms"


async def exists(session: Session) -> bool:
    """To be asked by who has the turn: building begins and ends in a turn."""
    return bool(await session.scalar(select(func.to_regclass(f"{SCHEMA}.{product.name}"))))


@asynccontextmanager
async def in_use(session: Session) -> AsyncIterator[None]:
    """Within the block, whatever is rebuilt is read and written there."""
    usual = await session.scalar(select(func.current_setting("search_path")))
    await _search(session, f"{SCHEMA}, {usual}")
    yield
    await _search(session, str(usual))


async def create(session: Session) -> None:
    """Empty tables, in the place of those that an interrupted rebuild left."""
    await drop(session)
    await session.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    async with in_use(session):
        await session.run_sync(_create_tables)


async def drop(session: Session) -> None:
    await session.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))


async def put_in_place(session: Session) -> None:
    """Replace the tables in use. Readers wait for the commit, or go on with the old ones.

    Raises:
        sqlalchemy.exc.OperationalError: somebody has read for half a second; try again.
    """
    names = ", ".join(table.name for table in REBUILT)
    live = await session.scalar(select(func.current_schema()))
    await session.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
    await session.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    await session.execute(text(f"DROP TABLE {names}"))
    for table in REBUILT:
        await session.execute(text(f"ALTER TABLE {SCHEMA}.{table.name} SET SCHEMA {live}"))
    await session.execute(text(f"DROP SCHEMA {SCHEMA}"))


async def analyze(session: Session) -> None:
    """So that the first readers are not planned for as if the tables were empty."""
    for table in REBUILT:
        await session.execute(text(f"ANALYZE {SCHEMA}.{table.name}"))


def _create_tables(connection: Connection) -> None:
    metadata.create_all(connection, tables=REBUILT, checkfirst=False)


async def _search(session: Session, path: str) -> None:
    await session.execute(select(func.set_config("search_path", path, True)))
