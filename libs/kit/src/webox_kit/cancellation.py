"""Ending asyncio tasks for sure."""

import asyncio
from typing import Any

_AGAIN_SECONDS = 1.0


async def cancel_and_wait(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel `tasks` until they have ended; what they raise is nobody's concern any more.

    Once may not do: `asyncio.wait_for` of Python 3.11, with which redis-py sends its commands,
    loses a cancellation that comes as its wait ends
    (https://github.com/python/cpython/issues/86296). Being cancelled meanwhile is put off until
    they have ended.
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
        if not task.cancelled():
            task.exception()
    if cancelled is not None:
        raise cancelled
