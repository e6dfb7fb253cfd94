"""Making a database that was restored from a backup one that its service can go on with.

The database is older than it was: Redis, the other services and the clock are not. What was
published counts as not published, to streams that begin anew; what was seen is still known as
seen for as long as what is published again is kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from redis.asyncio import Redis
from sqlalchemy import func, select, update

from webox_kit.database import Database, Session
from webox_kit.errors import ConfigurationError, UnavailableError
from webox_kit.event_tables import inbox, outbox
from webox_kit.migrations import applied_revision, migrate, newest_revision
from webox_kit.ops import group_lag

_LOOK_SECONDS = 0.1

Step = Callable[[Session], Awaitable[object]]
"""What only one service has to do."""


async def make_ready(database: Database, package: str, own: Step | None) -> None:
    """Migrate a restored database, and take out of it what must not go on; all or nothing.

    Raises:
        ConfigurationError: it was made by a newer version of the service.
    """
    applied = await applied_revision(database)
    if applied is not None and applied > newest_revision(package):
        raise ConfigurationError(
            f"The database of {package} is at migration {applied}, of a newer Webox than this one: "
            "install that version first."
        )
    await migrate(database, package)
    async with database.transaction() as session:
        await forget_what_was_published(session)
        if own is not None:
            await own(session)


async def forget_what_was_published(session: Session) -> None:
    """The whole outbox is to be published again, however old it is.

    Left to the relay, it would not be: to a Redis that is newer than the backup, epoch and last
    entry say that nothing was lost. Its rows and the inbox's are kept as long from now on as they
    would have been from when they were written.
    """
    await session.execute(update(outbox).values(published_at=None, created_at=func.now()))
    await session.execute(update(inbox).values(received_at=func.now()))


async def wait_until_caught_up(
    database: Database, redis: Redis, service: str, streams: Sequence[str], *, seconds: float
) -> None:
    """Return once `service` has applied what `streams` hold, and published what that caused.

    Raises:
        UnavailableError: it has not within `seconds`; the message says what was left.
    """
    deadline = time.monotonic() + seconds
    while left := await _left(database, redis, service, streams):
        if time.monotonic() > deadline:
            raise UnavailableError(f"{service} has not caught up: {', '.join(left)}.")
        await asyncio.sleep(_LOOK_SECONDS)


async def _left(
    database: Database, redis: Redis, service: str, streams: Sequence[str]
) -> list[str]:
    left = []
    for stream in streams:
        unread, pending = await group_lag(redis, service, stream)
        if unread or pending:
            left.append(f"{unread + pending:,} events of {stream}")
    # Looked at last: what is consumed may put something there.
    async with database.transaction() as session:
        waiting = await session.scalar(
            select(func.count()).select_from(outbox).where(outbox.c.published_at.is_(None))
        )
    return [*left, f"{waiting:,} events to publish"] if waiting else left
