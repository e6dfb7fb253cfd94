"""Publishes a service's outbox to its stream: what is flagged unpublished, never by id.

With concurrent writers ids become visible out of order, so "everything after the last id seen"
skips rows; a flag does not. A crash between publishing and flagging publishes twice, which the
consumers' inboxes absorb.

Redis may come back empty or older than it was (an unfinished fsync, a restored copy). Its epoch
key tells the first, and the stream's last id, compared with the last one published, the second.
What a group had not read and was trimmed away is noted, and published again when the group has
read the rest (`docs/adr/0016-what-was-trimmed-unread.md`).
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils import uuid7

from webox_kit.database import Database, Session
from webox_kit.event_tables import OUTBOX_CHANNEL, outbox, relay_state
from webox_kit.failpoints import failpoint
from webox_kit.logs import get_logger
from webox_kit.stream_gaps import Gap, Gaps, StreamState, entry_order, look_at
from webox_kit.streams import EVENT_FIELD, GAP_FIELD, epoch_key, stream_key

log = get_logger(__name__)

_BATCH = 1000
_IDLE_SECONDS = 1.0
# Whoever caused an event goes on with its request meanwhile, undisturbed, and what follows within
# this time is published with it.
_GATHER_SECONDS = 0.02
# What is published to a Redis that has just lost its data is published again at the next check.
_CHECK_EVERY_SECONDS = 1.0
_NOTHING = b"0-0"
# An event may have been in the outbox for so long when it was published: Redis was away.
_PUBLISHED_WITHIN = timedelta(days=1)


class Relay:
    """One service's relay. `run` is a duty: one of any number of processes does it."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        service: str,
        *,
        kept: timedelta,
        trim_seconds: float = 60.0,
        most_events: int = 1_000_000,
    ) -> None:
        """Published events stay in the outbox for `kept`, in the stream until all have read them.

        That is looked at each `trim_seconds`; of more than `most_events`, those go that only
        groups need which have not moved since the last look.
        """
        self._database = database
        self._redis = redis
        self._service = service
        self._stream = stream_key(service)
        self._kept = kept
        self._trim_seconds = trim_seconds
        self._most_events = most_events
        self._last_entry_id = _NOTHING
        self._stood_at: dict[str, bytes] = {}

    async def run(self) -> None:
        """Publish until cancelled, waking on PostgreSQL's notification or each second."""
        async with await psycopg.AsyncConnection.connect(
            self._database.conninfo, autocommit=True
        ) as listener:
            await listener.execute(f"LISTEN {OUTBOX_CHANNEL}".encode())
            await self._publish_for_ever(listener)

    async def publish_pending(self, *, check: bool = True) -> int:
        """Publish one batch; how many events it had."""
        async with self._database.transaction() as session:
            if check:
                await self._check(session)
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
                before, last = await self._append([row.event for row in rows])
                failpoint(f"{self._service}.after_publish")
                await self._mark_published(session, [row.id for row in rows], last)
                if entry_order(before) < entry_order(self._last_entry_id):
                    await self._begin_again(session)
                else:
                    self._last_entry_id = last
        return len(rows)

    async def trim(self) -> None:
        """Drop what every consumer group has read from the stream, and rows past their time.

        Beyond the limit, groups that stand still are not waited for; it is noted what they lose.
        """
        state = await self._with_all_groups()
        if state.groups:
            await self._drop(minid=state.oldest_needed)
            if await self._redis.xlen(self._stream) > self._most_events and await self._cut(state):
                await self._note_lost(await look_at(self._redis, self._stream))
            self._stood_at = {group.name: group.needed for group in state.groups}
        async with self._database.transaction() as session:
            await session.execute(
                delete(outbox).where(
                    outbox.c.published_at.is_not(None),
                    outbox.c.created_at < func.now() - self._kept,
                )
            )

    async def _publish_for_ever(self, listener: psycopg.AsyncConnection) -> None:
        loop = asyncio.get_running_loop()
        next_trim = loop.time() + self._trim_seconds
        next_check = loop.time()
        while True:
            published = 0
            try:
                check = loop.time() >= next_check
                if check:
                    next_check = loop.time() + _CHECK_EVERY_SECONDS
                published = await self.publish_pending(check=check)
                if loop.time() >= next_trim:
                    await self.trim()
                    next_trim = loop.time() + self._trim_seconds
            except RedisError as error:
                log.warning("relay waits for Redis", error=str(error))
                await asyncio.sleep(_IDLE_SECONDS)
            if published < _BATCH:
                async for _ in listener.notifies(timeout=_IDLE_SECONDS, stop_after=1):
                    pass
                await asyncio.sleep(_GATHER_SECONDS)

    async def _append(self, events: list[bytes]) -> tuple[bytes, bytes]:
        """Ids of the stream's last entry before and after: Redis may be an older one by now."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xinfo_stream(self._stream)
        for event in events:
            pipeline.xadd(self._stream, {EVENT_FIELD: event})
        info, *ids = await pipeline.execute(raise_on_error=False)
        for answer in ids:
            if isinstance(answer, Exception):
                raise answer
        return _NOTHING if isinstance(info, Exception) else info["last-generated-id"], ids[-1]

    async def _mark_published(self, session: Session, ids: list[int], last_id: bytes) -> None:
        await session.execute(_MARK_PUBLISHED, {"ids": ids})
        await self._note(session, last_entry_id=last_id.decode())

    async def _check(self, session: Session) -> None:
        """Publish the kept outbox again if Redis, or a group, lost some of what was published."""
        known = (
            await session.execute(
                select(relay_state.c.epoch, relay_state.c.last_entry_id, relay_state.c.gaps).where(
                    relay_state.c.stream == self._stream
                )
            )
        ).one_or_none()
        if known is None:
            await self._start_epoch(session)
            return
        self._last_entry_id = (known.last_entry_id or "0-0").encode()
        epoch = await self._redis.get(epoch_key(self._service))
        state = await look_at(self._redis, self._stream)
        if epoch != known.epoch.encode() or state.is_behind(self._last_entry_id):
            await self._begin_again(session)
        else:
            await self._mind_gaps(session, Gaps.load(known.gaps), state)

    async def _begin_again(self, session: Session) -> None:
        log.warning("Redis lost data: publishing the kept outbox again")
        await self._publish_again(session)
        await self._start_epoch(session)

    async def _publish_again(self, session: Session) -> None:
        await session.execute(
            update(outbox)
            .where(outbox.c.created_at > func.now() - self._kept)
            .values(published_at=None)
        )

    async def _start_epoch(self, session: Session) -> None:
        epoch = str(uuid7())
        await self._redis.set(epoch_key(self._service), epoch)
        self._last_entry_id = _NOTHING
        fresh = {"epoch": epoch, "last_entry_id": None}
        await session.execute(
            insert(relay_state)
            .values(stream=self._stream, **fresh)
            .on_conflict_do_update(index_elements=["stream"], set_=fresh)
        )

    async def _mind_gaps(self, session: Session, known: Gaps, state: StreamState) -> None:
        """Note who lost something; publish it again for those that have read all the rest."""
        grown = known.with_those_of(
            state, [group for group in state.robbed if group.name not in known.groups]
        )
        left, passed = grown.without_passed(state)
        if left != known:
            await self._note(session, gaps=left.dump())
        if passed:
            log.warning("publishing again what was trimmed unread", groups=sorted(passed))
            await self._publish_again(session)
        for name, gap in passed.items():
            if not await self._outbox_has(session, gap):
                await self._redis.xadd(self._stream, {GAP_FIELD: name})

    async def _cut(self, state: StreamState) -> int:
        """Drop what only those need that have not moved since the last time; how much that was."""
        moving = [each for each in state.groups if self._stood_at.get(each.name) != each.needed]
        if moving:
            return await self._drop(minid=replace(state, groups=moving).oldest_needed)
        return await self._drop(maxlen=self._most_events)

    async def _drop(self, **how: Any) -> int:
        dropped = 0
        # Redis goes through no more than some thousands at once.
        while some := await self._redis.xtrim(self._stream, approximate=True, **how):
            dropped += some
        return dropped

    async def _note_lost(self, state: StreamState) -> None:
        """To be asked when something was cut: even who has never read anything may have lost it."""
        async with self._database.transaction() as session:
            known = Gaps.load(
                await session.scalar(
                    select(relay_state.c.gaps).where(relay_state.c.stream == self._stream)
                )
            )
            grown = known.with_those_of(state, state.behind_the_first)
            if grown != known:
                log.error("trimmed unread: the stream is full", groups=sorted(grown.groups))
                await self._note(session, gaps=grown.dump())

    async def _outbox_has(self, session: Session, gap: Gap) -> bool:
        now = await session.scalar(select(func.extract("epoch", func.clock_timestamp())))
        oldest = float(now or 0) - (self._kept - _PUBLISHED_WITHIN).total_seconds()
        return gap.since_seconds > oldest

    async def _note(self, session: Session, **values: object) -> None:
        await session.execute(
            update(relay_state).where(relay_state.c.stream == self._stream).values(**values)
        )

    async def _with_all_groups(self) -> StreamState:
        """The stream with its consumer groups, those made again that it ever had.

        Redis may have lost the group of a consumer that is down: without it the others would
        have trimmed what that one has not read.
        """
        state = await look_at(self._redis, self._stream)
        present = {group.name for group in state.groups}
        async with self._database.transaction() as session:
            missing = await self._remember_groups(session, present) - present
        for name in missing:
            await self._redis.xgroup_create(self._stream, name, id="0", mkstream=True)
        return await look_at(self._redis, self._stream) if missing else state

    async def _remember_groups(self, session: Session, names: set[str]) -> set[str]:
        """Add `names` to the groups this stream ever had; all of them."""
        mine = relay_state.c.stream == self._stream
        known = set(await session.scalar(select(relay_state.c.groups).where(mine)) or ())
        if not names <= known:
            await self._note(session, groups=sorted(known | names))
        return known | names


# An IN with as many values would be a new statement for each number of them.
_MARK_PUBLISHED = text(
    "UPDATE outbox SET published_at = now() WHERE id = ANY(CAST(:ids AS bigint[]))"
)
