"""Asking the process that holds the writer for a rebuild."""

import asyncio

from webox_kit.database import Database
from webox_kit.migrations import wait_until_migrated
from webox_kit.runtime import Runtime
from webox_search import repository
from webox_search.settings import SearchSettings

_LOOK_SECONDS = 0.5


async def request(runtime: Runtime[SearchSettings], *, wait: bool) -> None:
    """Leave the request in the database; with `wait`, return when it has been fulfilled."""
    async with runtime.closing():
        await wait_until_migrated(runtime.database, runtime.package)
        async with runtime.database.transaction() as session:
            await repository.request_rebuild(session)
        if wait:
            await _until_done(runtime.database)


async def _until_done(database: Database) -> None:
    while True:
        async with database.transaction() as session:
            if not (await repository.state(session)).rebuild_is_due:
                return
        await asyncio.sleep(_LOOK_SECONDS)
