"""Keeps the index equal to what is alive in chat."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from webox_kit import clock
from webox_kit.cancellation import cancel_and_wait
from webox_kit.database import Database, Session
from webox_kit.errors import UnavailableError
from webox_kit.logs import get_logger
from webox_search import repository
from webox_search.index.base import Document, Rebuild, SearchIndex, message_key
from webox_search.source import ChatSource

log = get_logger(__name__)

_LOOK_SECONDS = 1.0

PageAfter = Callable[[int], Awaitable[list[Document]]]
"""The next page after an id; empty at the end."""


@dataclass(slots=True)
class Changes:
    """What a batch of events says has changed, by id; the texts are read from chat."""

    messages: set[int] = field(default_factory=set)
    conversations: set[int] = field(default_factory=set)
    deleted_conversations: set[int] = field(default_factory=set)
    deleted_users: set[int] = field(default_factory=set)
    happened_at: list[datetime] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (
            self.messages or self.conversations or self.deleted_conversations or self.deleted_users
        )


class _Ahead:
    """A page being read, and how many batches of changes had been applied when that began."""

    def __init__(self, page_after: PageAfter, after: int, applied: int) -> None:
        self.applied = applied
        self._reading = asyncio.ensure_future(page_after(after))

    async def page(self) -> list[Document]:
        return await self._reading

    async def stop(self) -> None:
        await cancel_and_wait(self._reading)


class Indexer:
    """The only one who writes to the index.

    Reading from chat and writing what was read happen under one lock, so that a rebuild's page
    can never bring back what an event removed in between. A rebuild reads a page ahead, while it
    writes another; if events were applied meanwhile, it reads that page again under the lock.
    """

    def __init__(self, database: Database, index: SearchIndex, source: ChatSource) -> None:
        self._database = database
        self._index = index
        self._source = source
        self._lock = asyncio.Lock()
        self._applied = 0
        """Counts batches of changes."""

    async def apply(self, session: Session, changes: Changes) -> None:
        """Bring the changes into the index and commit it; the session commits afterwards.

        Doing it twice does no harm: chat's present state is written, not the event's.

        Raises:
            UnavailableError: chat or the engine is away; nothing is lost, try again.
        """
        if changes.is_empty:
            return
        async with self._lock:
            self._applied += 1
            await repository.bury_conversations(session, changes.deleted_conversations)
            await repository.bury_users(session, changes.deleted_users)
            await self._remove_deleted(changes)
            await self._refresh_titles(session, changes.conversations)
            await self._refresh_messages(session, changes.messages)
            await self._index.commit()
        await self._note_freshness(session, changes)

    async def rebuild(self) -> int:
        """Build the index anew from chat, beside the old one, and swap; answers how many texts.

        Raises:
            UnavailableError: chat or the engine is away; the old index stays.
        """
        async with self._database.transaction() as session:
            began_at = await repository.now(session)
            await repository.note_progress(session, 0)
        async with self._lock:
            rebuild = await self._index.begin_rebuild()
        try:
            count = await self._copy_everything(rebuild)
            async with self._lock:
                await rebuild.finish()
        except BaseException:
            with suppress(UnavailableError):
                await rebuild.abandon()
            raise
        finally:
            await self._note_end()
        async with self._database.transaction() as session:
            await repository.note_rebuilt(session, began_at)
        log.info("index rebuilt", documents=count)
        return count

    async def keep_built(self) -> None:
        """Rebuild whenever the index is missing, of another schema, or somebody asked for it."""
        while True:
            try:
                if await self._rebuild_is_due():
                    await self.rebuild()
            except UnavailableError as error:
                log.warning("rebuild waits", reason=error.detail)
            except Exception:
                log.exception("rebuild failed, trying again")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _rebuild_is_due(self) -> bool:
        async with self._lock:
            if not await self._index.ensure():
                return True
        async with self._database.transaction() as session:
            return (await repository.state(session)).rebuild_is_due

    async def _remove_deleted(self, changes: Changes) -> None:
        for conversation_id in changes.deleted_conversations:
            await self._index.delete_conversation(conversation_id)
        for user_id in changes.deleted_users:
            await self._index.delete_user(user_id)

    async def _refresh_titles(self, session: Session, ids: set[int]) -> None:
        titles = await self._living(session, await self._source.titles(ids))
        for conversation_id in ids - {title.conversation_id for title in titles}:
            await self._index.delete_conversation(conversation_id)
        await self._index.upsert(titles)

    async def _refresh_messages(self, session: Session, ids: set[int]) -> None:
        messages = await self._living(session, await self._source.messages(ids))
        gone = ids - {message.message_id for message in messages}
        await self._index.delete_documents([message_key(each) for each in sorted(gone)])
        await self._index.upsert(messages)

    async def _copy_everything(self, rebuild: Rebuild) -> int:
        titles = await self._copy(rebuild, self._source.titles_after, 0)
        return await self._copy(rebuild, self._source.messages_after, titles)

    async def _copy(self, rebuild: Rebuild, page_after: PageAfter, count: int) -> int:
        """Copy all pages; how many texts that makes, with the `count` before them."""
        after, ahead = 0, _Ahead(page_after, 0, self._applied)
        try:
            while True:
                page = await ahead.page()
                async with self._lock:
                    if ahead.applied != self._applied:
                        # An event may have removed what is on this page since it was read.
                        page = await page_after(after)
                    if not page:
                        return count
                    async with self._database.transaction() as session:
                        living = await self._living(session, page)
                        await repository.note_progress(session, count)
                    after = max(each.message_id or each.conversation_id for each in page)
                    ahead = _Ahead(page_after, after, self._applied)
                    await rebuild.upsert(living)
                count += len(living)
        finally:
            await ahead.stop()

    async def _note_end(self) -> None:
        with suppress(SQLAlchemyError, OSError):  # only what an operator looks at
            async with self._database.transaction() as session:
                await repository.note_progress(session, None)

    async def _living(self, session: Session, documents: Sequence[Document]) -> list[Document]:
        conversations = {each.conversation_id for each in documents}
        users = {each.user_id for each in documents}
        buried = await repository.buried_conversations(session, conversations)
        buried_users = await repository.buried_users(session, users)
        return [
            each
            for each in documents
            if each.conversation_id not in buried and each.user_id not in buried_users
        ]

    async def _note_freshness(self, session: Session, changes: Changes) -> None:
        now = clock.now()
        lags = [max(0.0, (now - moment).total_seconds()) for moment in changes.happened_at]
        if lags:
            await repository.note_indexed(session, lag_ms=int(max(lags) * 1000))
