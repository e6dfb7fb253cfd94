"""The connections that hot statements run on: psycopg's own pool, without SQLAlchemy around it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import orjson
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from webox_kit.statements import Connection

_TIMEOUT_SECONDS = 5.0
# Hot statements find their rows by key. Planned once for all values, and never as scans, which a
# table looks small enough for until PostgreSQL has first counted its rows.
_OPTIONS = (
    "-c timezone=UTC -c plan_cache_mode=force_generic_plan"
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
)
_TRUSTED_SECONDS = 1.0
"""A connection used so recently is taken to live."""


class HotConnections:
    """Up to `size` connections that commit by themselves; none before the first use."""

    def __init__(self, conninfo: str, *, size: int, application: str) -> None:
        self._conninfo = conninfo
        self._size = size
        self._application = application
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._opening = asyncio.Lock()
        self._used_at: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        pool = self._pool or await self._open()
        async with pool.connection() as connection:
            yield connection
            self._used_at[connection] = time.monotonic()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _open(self) -> AsyncConnectionPool[Connection]:
        async with self._opening:
            if self._pool is None:
                pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
                    self._conninfo,
                    connection_class=AsyncConnection,
                    kwargs={
                        "autocommit": True,
                        "row_factory": dict_row,
                        "connect_timeout": 5,
                        "application_name": self._application,
                        "options": _OPTIONS,
                    },
                    min_size=0,
                    max_size=self._size,
                    timeout=_TIMEOUT_SECONDS,
                    # Else its waits between tries double, and it comes back long after PostgreSQL.
                    reconnect_timeout=_TIMEOUT_SECONDS,
                    configure=_read_json,
                    check=self._check_idle,
                    open=False,
                )
                await pool.open()
                self._pool = pool
            return self._pool

    async def _check_idle(self, connection: Connection) -> None:
        """So that a restarted PostgreSQL costs at most one error."""
        if time.monotonic() - self._used_at.get(connection, 0.0) > _TRUSTED_SECONDS:
            await AsyncConnectionPool.check_connection(connection)


async def _read_json(connection: Connection) -> None:
    set_json_loads(orjson.loads, connection)
