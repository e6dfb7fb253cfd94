"""Work that exactly one process of a service does at a time: relay, consumer, reconciler.

Any number of `events` processes may run; whichever holds a duty's advisory lock does it. The
locks live as long as the connection that took them, so a killed process hands over by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from webox_kit.cancellation import cancel_and_wait
from webox_kit.consumer import ConsumerStoppedError
from webox_kit.database import Database, advisory_key
from webox_kit.logs import get_logger
from webox_kit.metrics import DUTY_HELD, DUTY_STOPPED

log = get_logger(__name__)

Duty = Callable[[], Awaitable[None]]
"""Runs until cancelled; when it raises, it is started again after a second."""

_CHECK_SECONDS = 1.0
# A connection that died silently must not keep us believing that we hold its locks for ever;
# psycopg takes ten seconds more to give it up.
_ANSWER_SECONDS = 5.0


class Duties:
    """Does those of `duties` (by name) that no other process of `service` does."""

    def __init__(self, database: Database, service: str, duties: Mapping[str, Duty]) -> None:
        self._database = database
        self._service = service
        self._duties = dict(duties)

    async def run(self) -> None:
        """Until cancelled. Losing the database means losing the locks: all stop, and try again."""
        while True:
            try:
                async with self._database.engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await self._hold(connection)
            except (SQLAlchemyError, OSError) as error:
                log.warning("duties wait for the database", error=type(error).__name__)
                await asyncio.sleep(_CHECK_SECONDS)

    async def _hold(self, connection: AsyncConnection) -> None:
        running: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await connection.execute(text("SELECT 1"))
                for name in self._duties.keys() - running.keys():
                    if await self._locked(connection, name):
                        running[name] = asyncio.create_task(self._do(name))
                await asyncio.sleep(_CHECK_SECONDS)
        finally:
            await cancel_and_wait(*running.values())
            # Back in the pool it would keep the locks.
            await connection.invalidate()

    async def _locked(self, connection: AsyncConnection, name: str) -> bool:
        key = advisory_key(f"webox:{self._service}:{name}")
        return bool(
            await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key})
        )

    async def _do(self, name: str) -> None:
        held = DUTY_HELD.labels(self._service, name)
        held.set(1)
        try:
            while True:
                await self._once(name)
                await asyncio.sleep(_CHECK_SECONDS)
        except ConsumerStoppedError:
            DUTY_STOPPED.labels(self._service, name).set(1)
            log.critical("duty stopped: mend the cause, then restart this process", duty=name)
        finally:
            held.set(0)

    async def _once(self, name: str) -> None:
        try:
            await self._duties[name]()
        except ConsumerStoppedError:
            raise
        except Exception:
            log.exception("duty failed, starting it again", duty=name)
