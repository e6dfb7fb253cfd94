"""Ending asyncio tasks for sure."""

import asyncio
from contextlib import suppress
from typing import Any

_AGAIN_SECONDS = 1.0


async def cancel_and_wait(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel `tasks` until they have ended; what they raise is nobody's concern any more.

    Once may not do: `asyncio.wait_for` of Python 3.11, with which redis-py sends its commands,
    loses a cancellation that comes as its wait ends
    (https://github.com/python/cpython/issues/86296). Being cancelled meanwhile is put off until
    they have ended.

    Neither leaves a circle behind, of an error and the frames that it came through: with all that
    these hold, such as a long transcript, it would stay for minutes, until the collector comes by.
    """
    pending: set[asyncio.Future[Any]] = set(tasks)
    cancelled: asyncio.CancelledError | None = None
    while pending:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
        # By themselves, since a cancelled scope of anyio's, as around every answer of Starlette's,
        # lets no wait return.
        pending = {task for task in pending if not task.done()}
    for task in tasks:
        # Until it is asked, one that was cancelled keeps its error too.
        with suppress(asyncio.CancelledError):
            task.exception()
    try:
        if cancelled is not None:
            raise cancelled
    finally:
        cancelled = None
