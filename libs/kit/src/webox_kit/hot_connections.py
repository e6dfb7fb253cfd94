"""The connections that hot statements run on: psycopg's own, without SQLAlchemy around them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.json import set_json_dumps, set_json_loads

from webox_kit.statements import Connection

_TIMEOUT_SECONDS = 5.0
# Hot statements find their rows by key, and in its order. Planned once for all values, and never as
# scans, which a table looks small enough for until PostgreSQL has first counted its rows; a bitmap
# would have every page of a conversation sort all that follows it.
_OPTIONS = (
    "-c timezone=UTC -c plan_cache_mode=force_generic_plan"
    " -c enable_seqscan=off -c enable_bitmapscan=off"
    " -c enable_hashjoin=off -c enable_mergejoin=off"
)
_TRUSTED_SECONDS = 1.0
"""A connection used so recently is taken to live."""


class HotConnections:
    """Up to `size` connections that commit by themselves; none before the first use.

    Not psycopg_pool: that waits a second and more after each connection that a restart of
    PostgreSQL has left dead, and five before it says that PostgreSQL is away.
    """

    def __init__(self, conninfo: str, *, size: int, application: str) -> None:
        self._conninfo = conninfo
        self._application = application
        self._room = asyncio.Semaphore(size)
        self._idle: list[tuple[Connection, float]] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """The one used last, so that its statements are prepared and its server's caches warm.

        Raises:
            psycopg.OperationalError: PostgreSQL is away, or all were in use for five seconds.
        """
        await self._enter()
        try:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(connection)
        finally:
            self._room.release()

    async def close(self) -> None:
        while self._idle:
            connection, _ = self._idle.pop()
            await connection.close()

    async def _enter(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise psycopg.OperationalError("all connections are in use") from None

    async def _take(self) -> Connection:
        while self._idle:
            connection, used_at = self._idle.pop()
            if time.monotonic() < used_at + _TRUSTED_SECONDS or await _lives(connection):
                return connection
            await connection.close()
        connection = await psycopg.AsyncConnection.connect(
            self._conninfo,
            autocommit=True,
            row_factory=dict_row,
            cursor_factory=psycopg.AsyncRawCursor,
            connect_timeout=int(_TIMEOUT_SECONDS),
            application_name=self._application,
            options=_OPTIONS,
        )
        set_json_loads(orjson.loads, connection)
        set_json_dumps(orjson.dumps, connection)
        return connection

    async def _give_back(self, connection: Connection) -> None:
        if connection.info.transaction_status is TransactionStatus.IDLE:
            self._idle.append((connection, time.monotonic()))
        else:
            await connection.close()


async def _lives(connection: Connection) -> bool:
    try:
        await connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
