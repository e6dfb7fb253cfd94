"""Transcripts of the messages that this process's streams show, kept up to date."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis

from webox_chat.live.frames import (
    REPLIES,
    TEXT,
    WorkerCall,
    call_workers,
    decoded_finals,
    decoded_pieces,
)
from webox_chat.live.transcript import Transcript
from webox_chat.messages.repository import MessageRepository
from webox_chat.messages.service import no_message
from webox_chat.messages.stored import StoredMessage
from webox_chat.replies.repository import ReplyRepository
from webox_kit.cancellation import cancel_and_wait
from webox_kit.database import Database
from webox_kit.errors import UnavailableError
from webox_kit.logs import get_logger
from webox_kit.outages import is_outage
from webox_kit.signals import Signals

log = get_logger(__name__)

_LOOK_AGAIN_SECONDS = 2.0
_AT_LATEST_SECONDS = 10.0


class LiveMessages:
    """One transcript for a message, however many watch it."""

    def __init__(self, database: Database, redis: Redis, signals: Signals) -> None:
        self._messages = MessageRepository(database)
        self._replies = ReplyRepository(database)
        self._redis = redis
        self._signals = signals
        self._open: dict[int, _Following] = {}

    async def message(self, user_id: int, message_id: int) -> StoredMessage:
        """The user's message with this id.

        Raises:
            NotFoundError: there is none.
        """
        message = await self._messages.get(user_id, message_id)
        if message is None:
            raise no_message(message_id)
        return message

    @asynccontextmanager
    async def watching(self, message: StoredMessage) -> AsyncIterator[Transcript]:
        """The message's transcript, kept up to date within the block."""
        following = self._open.get(message.id)
        if following is None:
            following = self._open[message.id] = _Following(
                Transcript(message, []), self._replies, self._redis, self._signals
            )
        following.viewers += 1
        try:
            await following.begun()
            yield following.transcript
        finally:
            following.viewers -= 1
            if not following.viewers:
                del self._open[message.id]
                await following.end()


class _Following:
    """Keeps one transcript up to date: by frames, and by looking into SQL when they may lack."""

    def __init__(
        self, transcript: Transcript, replies: ReplyRepository, redis: Redis, signals: Signals
    ) -> None:
        self.transcript = transcript
        self.viewers = 0
        self._replies = replies
        self._redis = redis
        self._signals = signals
        self._look = asyncio.Event()
        self._heard_text = False
        # What was said before one listened.
        self._lacks_text = True
        self._ready = asyncio.Event()
        self._task = asyncio.create_task(self._follow_until_it_breaks())

    async def begun(self) -> None:
        """What SQL has is in the transcript, and no frame from now on is missed.

        Raises:
            UnavailableError: it could not be read.
        """
        await self._ready.wait()
        if self.transcript.is_broken:
            raise UnavailableError("The message cannot be read at the moment.")

    async def end(self) -> None:
        await cancel_and_wait(self._task)

    async def _follow_until_it_breaks(self) -> None:
        try:
            await self._follow()
        except Exception:
            log.exception("a transcript broke off", message=self.transcript.message.id)
            self.transcript.break_off()
        finally:
            self._ready.set()

    async def _follow(self) -> None:
        key = self.transcript.message.id
        async with (
            self._signals.listening(TEXT, key, self._take_text),
            self._signals.listening(REPLIES, key, self._take_replies),
        ):
            await self._signals.confirmed(REPLIES, key)
            await self._look_into_sql()
            self._ready.set()
            while True:
                if not self.transcript.is_final and (self._lacks_text or not self._heard_text):
                    self._lacks_text = False
                    await call_workers(self._redis, WorkerCall(show=key))
                await self._until_due()
                try:
                    await self._look_into_sql()
                except Exception as error:
                    if not is_outage(error):
                        raise
                    log.warning("a stream waits for the database", error=type(error).__name__)

    async def _until_due(self) -> None:
        """Until a frame asks for it, or for a while: every hint may be lost.

        Where text comes, a worker is at it, and its finals will come as well.
        """
        self._heard_text = False
        waited = 0.0
        while waited < _AT_LATEST_SECONDS:
            if await self._asked_for():
                self._look.clear()
                self._heard_text = False
                return
            waited += _LOOK_AGAIN_SECONDS
            if not self._heard_text:
                return

    async def _asked_for(self) -> bool:
        seconds = None if self.transcript.is_final else _LOOK_AGAIN_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._look.wait()
        return False

    async def _look_into_sql(self) -> None:
        stored = await self._replies.all_of(self.transcript.message.id)
        if stored:
            self.transcript.take_stored(stored)
        else:
            self.transcript.end_deleted()

    def _take_text(self, payload: bytes | None) -> None:
        self._heard_text = True
        if payload is None or not self.transcript.take_pieces(decoded_pieces(payload)):
            # Of one reply; that others are heard of does not bring it.
            self._lacks_text = True
            self._look.set()

    def _take_replies(self, payload: bytes | None) -> None:
        if payload:
            self.transcript.take_stored(decoded_finals(payload))
        else:
            self._look.set()
