"""One service's own database. The only place that commits."""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import MetaData, event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from webox_kit.hot_connections import HotConnections
from webox_kit.statements import Bound, Foretell, Row, errors_as_sqlalchemys, read

Session = AsyncConnection
"""What repositories work on: one transaction, committed by `Database.transaction`."""

_USED_AT = "used_at"
_TRUSTED_SECONDS = 1.0
"""A connection used so recently is taken to live."""

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_metadata() -> MetaData:
    """A MetaData whose constraints have predictable names."""
    return MetaData(naming_convention=NAMING)


class Database:
    """Connections to one database, and transactions on them."""

    def __init__(self, url: str, *, pool_size: int = 8, application: str = "webox") -> None:
        self.url = make_url(url)
        self.engine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            # The connection used last is the warm one, with its statements prepared.
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": 5,
                "application_name": application,
                "options": "-c timezone=UTC",
            },
        )
        self._hot = HotConnections(self.conninfo, size=pool_size, application=application)
        event.listen(self.engine.sync_engine, "handle_error", _hide_values)
        event.listen(self.engine.sync_engine, "checkin", _note_use)
        event.listen(self.engine.sync_engine, "checkout", self._check_idle)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A session whose work is committed at the end, or rolled back if an error leaves it."""
        async with self.engine.begin() as session:
            yield session

    async def run(self, *statements: Bound, foretell: Foretell | None = None) -> list[list[Row]]:
        """The rows of each, after one round trip in which all are one transaction.

        `foretell` is told the one number that the first is for, before the transaction ends.
        """
        with errors_as_sqlalchemys():
            async with self._hot.connection() as connection:
                return await read(connection, *statements, foretell=foretell)

    def _check_idle(self, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Ping what lay idle, so that a restarted PostgreSQL costs at most one error.

        SQLAlchemy's own `pool_pre_ping` would add a round trip to every transaction.
        """
        if time.monotonic() - record.info.get(_USED_AT, 0.0) < _TRUSTED_SECONDS:
            return
        try:
            self.engine.dialect.do_ping(connection)
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    async def ping(self) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._hot.close()
        await self.engine.dispose()

    @property
    def conninfo(self) -> str:
        """The same database for psycopg itself, e.g. to LISTEN."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _hide_values(context: ExceptionContext) -> None:
    """Keep PostgreSQL's DETAIL, which quotes rows, out of what errors say and logs show."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(str(part).partition("\nDETAIL")[0] for part in error.args)


def advisory_key(name: str) -> int:
    """The bigint that PostgreSQL's advisory locks take, for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
