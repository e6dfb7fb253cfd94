"""Asking the process that holds the writer for a rebuild, and following it."""

import asyncio
import time

from webox_kit.errors import UnavailableError
from webox_kit.progress import Progress
from webox_kit.runtime import Runtime
from webox_search import repository
from webox_search.index.engines import open_index
from webox_search.settings import SearchSettings

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0


async def request(runtime: Runtime[SearchSettings], *, wait: bool) -> None:
    """Leave the request in the database; with `wait`, return when the new index is swapped in.

    Raises:
        UnavailableError: nobody began within a minute; it stays asked for.
    """
    total = await _texts_now(runtime.settings)
    async with runtime.database.transaction() as session:
        await repository.request_rebuild(session)
    if wait:
        await _follow(runtime, total)


async def follow(runtime: Runtime[SearchSettings]) -> None:
    """Return when no rebuild is asked for any more.

    Raises:
        UnavailableError: nobody began within a minute; it stays asked for.
    """
    await _follow(runtime, await _texts_now(runtime.settings))


async def _texts_now(settings: SearchSettings) -> int:
    """How many the old index has: about as many as the new one will have."""
    index = open_index(settings)
    try:
        return (await index.health()).documents
    except UnavailableError:
        return 0
    finally:
        await index.close()


async def _follow(runtime: Runtime[SearchSettings], total: int) -> None:
    progress: Progress | None = None
    done, patient_until = 0, time.monotonic() + _PATIENCE_SECONDS
    while True:
        async with runtime.database.transaction() as session:
            state = await repository.state(session)
        if not state.rebuild_is_due:
            break
        if state.rebuild_done is not None:
            progress = progress or Progress("Search", "texts")
            done = max(done, state.rebuild_done)
            progress.tell(done, max(total, done))
        elif progress is None and time.monotonic() > patient_until:
            raise UnavailableError(
                "Nobody has begun yet: is `webox-search events` up? It will when it is."
            )
        await asyncio.sleep(_LOOK_SECONDS)
    if progress is not None:
        progress.end(await _texts_now(runtime.settings))
