"""Publishes a service's outbox to its stream: what is flagged unpublished, never by id.

With concurrent writers ids become visible out of order, so "everything after the last id seen"
skips rows; a flag does not. A crash between publishing and flagging publishes twice, which the
consumers' inboxes absorb.

Redis may come back empty or older than it was (an unfinished fsync, a restored copy). Its epoch
key tells the first, and the stream's last id, compared with the last one published, the second.
"""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import ResponseError as RedisResponseError
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils import uuid7

from webox_kit.database import Database, Session
from webox_kit.event_tables import OUTBOX_CHANNEL, outbox, relay_state
from webox_kit.failpoints import failpoint
from webox_kit.logs import get_logger
from webox_kit.streams import EVENT_FIELD, epoch_key, stream_key

log = get_logger(__name__)

_BATCH = 1000
_IDLE_SECONDS = 1.0
# Whoever caused an event goes on with its request meanwhile, undisturbed, and what follows within
# this time is published with it.
_GATHER_SECONDS = 0.02
_TRIM_EVERY_SECONDS = 60.0
# What is published to a Redis that has just lost its data is published again at the next check.
_CHECK_EVERY_SECONDS = 1.0


class Relay:
    """One service's relay. `run` is a duty: one of any number of processes does it."""

    def __init__(self, database: Database, redis: Redis, service: str, *, kept: timedelta) -> None:
        self._database = database
        self._redis = redis
        self._service = service
        self._stream = stream_key(service)
        self._kept = kept

    async def run(self) -> None:
        """Publish until cancelled, waking on PostgreSQL's notification or each second."""
        async with await psycopg.AsyncConnection.connect(
            self._database.conninfo, autocommit=True
        ) as listener:
            await listener.execute(f"LISTEN {OUTBOX_CHANNEL}".encode())
            await self._publish_for_ever(listener)

    async def publish_pending(self, *, check_epoch: bool = True) -> int:
        """Publish one batch; how many events it had."""
        async with self._database.transaction() as session:
            if check_epoch:
                await self._check_epoch(session)
            rows = (
                await session.execute(
                    select(outbox.c.id, outbox.c.event)
                    .where(outbox.c.published_at.is_(None))
                    .order_by(outbox.c.id)
                    .limit(_BATCH)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            if rows:
                last_id = await self._append([row.event for row in rows])
                failpoint(f"{self._service}.after_publish")
                await self._mark_published(session, [row.id for row in rows], last_id)
        return len(rows)

    async def trim(self) -> None:
        """Drop what every consumer group has read from the stream, and rows past their time."""
        oldest = await self._oldest_needed(await self._groups())
        if oldest is not None:
            await self._redis.xtrim(self._stream, minid=oldest, approximate=True)
        async with self._database.transaction() as session:
            await session.execute(
                delete(outbox).where(
                    outbox.c.published_at.is_not(None),
                    outbox.c.created_at < func.now() - self._kept,
                )
            )

    async def _publish_for_ever(self, listener: psycopg.AsyncConnection) -> None:
        loop = asyncio.get_running_loop()
        next_trim = loop.time() + _TRIM_EVERY_SECONDS
        next_check = loop.time()
        while True:
            try:
                check_epoch = loop.time() >= next_check
                if check_epoch:
                    next_check = loop.time() + _CHECK_EVERY_SECONDS
                while await self.publish_pending(check_epoch=check_epoch) == _BATCH:
                    pass
                if loop.time() >= next_trim:
                    await self.trim()
                    next_trim = loop.time() + _TRIM_EVERY_SECONDS
            except RedisError as error:
                log.warning("relay waits for Redis", error=str(error))
                await asyncio.sleep(_IDLE_SECONDS)
            async for _ in listener.notifies(timeout=_IDLE_SECONDS, stop_after=1):
                pass
            await asyncio.sleep(_GATHER_SECONDS)

    async def _append(self, events: list[bytes]) -> str:
        pipeline = self._redis.pipeline(transaction=False)
        for event in events:
            pipeline.xadd(self._stream, {EVENT_FIELD: event})
        ids: list[bytes] = await pipeline.execute()
        return ids[-1].decode()

    async def _mark_published(self, session: Session, ids: list[int], last_id: str) -> None:
        await session.execute(_MARK_PUBLISHED, {"ids": ids})
        await session.execute(
            update(relay_state)
            .where(relay_state.c.stream == self._stream)
            .values(last_entry_id=last_id)
        )

    async def _check_epoch(self, session: Session) -> None:
        """Publish the kept outbox again when Redis is not the one we published to."""
        known = (
            await session.execute(
                select(relay_state.c.epoch, relay_state.c.last_entry_id).where(
                    relay_state.c.stream == self._stream
                )
            )
        ).one_or_none()
        if known is not None:
            if await self._has_all(known.epoch, known.last_entry_id):
                return
            log.warning("Redis lost data: publishing the kept outbox again")
            await session.execute(
                update(outbox)
                .where(outbox.c.created_at > func.now() - self._kept)
                .values(published_at=None)
            )
        await self._start_epoch(session)

    async def _has_all(self, epoch: str, last_entry_id: str | None) -> bool:
        """Whether Redis still holds this epoch, up to the entry last published."""
        in_redis = _bytes(await self._redis.get(epoch_key(self._service)))
        if in_redis is None or in_redis.decode() != epoch:
            return False
        if last_entry_id is None:
            return True
        try:
            stream = await self._redis.xinfo_stream(self._stream)
        except RedisResponseError:
            return False
        return _entry_order(stream["last-generated-id"]) >= _entry_order(last_entry_id.encode())

    async def _start_epoch(self, session: Session) -> None:
        epoch = str(uuid7())
        await self._redis.set(epoch_key(self._service), epoch)
        fresh = {"epoch": epoch, "last_entry_id": None}
        await session.execute(
            insert(relay_state)
            .values(stream=self._stream, **fresh)
            .on_conflict_do_update(index_elements=["stream"], set_=fresh)
        )

    async def _groups(self) -> list[dict[str, Any]]:
        """The stream's consumer groups, and those it ever had made again.

        Redis may have lost the group of a consumer that is down: without it the others would
        have trimmed what that one has not read.
        """
        present = await self._present_groups()
        async with self._database.transaction() as session:
            known = await self._remember_groups(session, [group["name"] for group in present])
        missing = known - {group["name"].decode() for group in present}
        for name in missing:
            await self._redis.xgroup_create(self._stream, name, id="0", mkstream=True)
        return await self._present_groups() if missing else present

    async def _present_groups(self) -> list[dict[str, Any]]:
        try:
            return await self._redis.xinfo_groups(self._stream)
        except RedisResponseError:
            return []

    async def _remember_groups(self, session: Session, names: list[bytes]) -> set[str]:
        """Add `names` to the groups this stream ever had; all of them."""
        mine = relay_state.c.stream == self._stream
        known = set(await session.scalar(select(relay_state.c.groups).where(mine)) or ())
        grown = known | {name.decode() for name in names}
        if grown != known:
            await session.execute(update(relay_state).where(mine).values(groups=sorted(grown)))
        return grown

    async def _oldest_needed(self, groups: list[dict[str, Any]]) -> bytes | None:
        """The oldest entry that some group has not acknowledged; None without any group."""
        needed = [await self._oldest_of(group) for group in groups]
        return min(needed, key=_entry_order, default=None)

    async def _oldest_of(self, group: dict[str, Any]) -> bytes:
        if group["pending"]:
            pending = await self._redis.xpending(self._stream, group["name"])
            # Acknowledged since the group was looked at, there may be none.
            if pending["min"]:
                return bytes(pending["min"])
        return bytes(group["last-delivered-id"])


# An IN with as many values would be a new statement for each number of them.
_MARK_PUBLISHED = text(
    "UPDATE outbox SET published_at = now() WHERE id = ANY(CAST(:ids AS bigint[]))"
)


def _bytes(value: Any) -> bytes | None:
    """redis-py's type says `bytes | str`; without `decode_responses` it is bytes."""
    return value if value is None else bytes(value)


def _entry_order(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence or 0)
