"""Viewers of a message's stream: any number at once, each as fast as it reads."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial

from webox_chat.limits import STREAMS_PER_USER
from webox_chat.live.service import LiveMessages
from webox_chat.live.transcript import Transcript
from webox_chat.messages.stored import StoredMessage
from webox_chat.streams.events import has_more, next_events
from webox_chat.streams.positions import Position
from webox_kit.errors import TooManyRequestsError
from webox_kit.logs import get_logger

log = get_logger(__name__)

PING = b": ping\n\n"
COME_AGAIN = b"retry: 1000\n\n"
"""This process stops: browsers connect again by themselves, after so many ms."""

PING_SECONDS = 15.0
MOST_BEHIND = 1_000_000
"""So many code points may come while a viewer does not read; then it is dropped."""

_PAUSE_SECONDS = 0.03
_TOGETHER_BYTES = 65_536
_RETRY_AFTER_SECONDS = 5


class StreamService:
    def __init__(self, live: LiveMessages) -> None:
        self._live = live
        self._open: Counter[int] = Counter()
        self._viewers: set[Viewer] = set()

    def stop(self) -> None:
        """End all streams: their viewers go on elsewhere."""
        for viewer in tuple(self._viewers):
            viewer.stop()

    async def open(self, user_id: int, message_id: int, last_event_id: str | None) -> "Viewer":
        """A viewer of the message's stream, from its beginning or after an event; close it.

        Raises:
            NotFoundError: the user has no such message.
            BadRequestError: the stream never had such an event.
            TooManyRequestsError: the user has as many streams open as are allowed.
        """
        message = partial(self._live.message, user_id, message_id)
        return await self._opened(user_id, message, last_event_id)

    async def open_new(
        self, user_id: int, begin: Callable[[], Awaitable[StoredMessage]]
    ) -> "Viewer":
        """A viewer of the message that `begin` stores; nothing is stored if it is refused.

        Raises:
            TooManyRequestsError: the user has as many streams open as are allowed.
        """
        return await self._opened(user_id, begin, None)

    async def _opened(
        self,
        user_id: int,
        message: Callable[[], Awaitable[StoredMessage]],
        last_event_id: str | None,
    ) -> "Viewer":
        watching = self._watching(user_id, message)
        transcript = await watching.__aenter__()
        try:
            position = _position(transcript, last_event_id)
        except BaseException as error:
            await watching.__aexit__(type(error), error, None)
            raise
        viewer = Viewer(transcript, position, watching, on_close=self._viewers.discard)
        self._viewers.add(viewer)
        return viewer

    @asynccontextmanager
    async def _watching(
        self, user_id: int, message: Callable[[], Awaitable[StoredMessage]]
    ) -> AsyncIterator[Transcript]:
        with self._counted(user_id):
            async with self._live.watching(await message()) as transcript:
                yield transcript

    @contextmanager
    def _counted(self, user_id: int) -> Iterator[None]:
        if self._open[user_id] >= STREAMS_PER_USER:
            raise TooManyRequestsError(
                f"At most {STREAMS_PER_USER} streams of yours may be open at once: close one.",
                retry_after=_RETRY_AFTER_SECONDS,
            )
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


class Viewer:
    """One reader of a stream. Nothing waits for it in memory but the transcript all share."""

    def __init__(
        self,
        transcript: Transcript,
        position: Position,
        watching: AbstractAsyncContextManager[Transcript],
        *,
        on_close: Callable[["Viewer"], None] = lambda _: None,
    ) -> None:
        self._transcript = transcript
        self._position = position
        self._watching = watching
        self._changed = asyncio.Event()
        self._sending: asyncio.Timeout | None = None
        self._behind_before = 0
        self._ping_is_due = False
        self._stopping = False
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(PING_SECONDS, self._ping)
        transcript.watch(self._notice)

    @property
    def has_seen_all(self) -> bool:
        return not has_more(self._transcript, self._position)

    def stop(self) -> None:
        self._stopping = True
        self._changed.set()

    async def close(self) -> None:
        self._on_close(self)
        self._timer.cancel()
        self._transcript.leave(self._notice)
        await self._watching.__aexit__(None, None, None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """What to send, as it comes; ends after the message's last event."""
        while True:
            self._changed.clear()
            began = self._loop.time()
            for chunk in self._next_chunks():
                yield chunk
            if self.has_seen_all or self._transcript.is_broken:
                return
            if self._stopping:
                yield COME_AGAIN
                return
            if self._changed.is_set():
                # It came while the reader was being waited for: so that it can catch up.
                await asyncio.sleep(began + _PAUSE_SECONDS - self._loop.time())
            else:
                await self._changed.wait()
                if self._ping_is_due:
                    self._ping_is_due = False
                    yield PING

    def sending(self) -> asyncio.Timeout:
        """Around each sending of a chunk; it times out when too much has come meanwhile."""
        self._behind_before = self._behind()
        self._sending = asyncio.timeout(None)
        return self._sending

    def sent(self) -> None:
        self._sending = None

    def _next_chunks(self) -> Iterator[bytes]:
        """The next events, small ones together."""
        together: list[bytes] = []
        size = 0
        for event in next_events(self._transcript, self._position):
            together.append(event)
            size += len(event)
            if size >= _TOGETHER_BYTES:
                yield b"".join(together)
                together, size = [], 0
        if together:
            yield b"".join(together)

    def _ping(self) -> None:
        self._ping_is_due = True
        self._changed.set()
        self._timer = self._loop.call_later(PING_SECONDS, self._ping)

    def _notice(self) -> None:
        self._changed.set()
        if self._sending is not None and self._behind() - self._behind_before > MOST_BEHIND:
            log.info("a slow reader of a stream was dropped", message=self._transcript.message.id)
            # Once only: a timeout that is about to strike refuses to be set again.
            self._sending.reschedule(0)
            self._sending = None

    def _behind(self) -> int:
        """In code points; replies that came by a retry count before it is told of them."""
        told = self._position.told
        return sum(
            len(reply.text) - (told[reply.id].offset if reply.id in told else 0)
            for reply in self._transcript.replies.values()
        )


def _position(transcript: Transcript, last_event_id: str | None) -> Position:
    if last_event_id is None:
        return Position.at_start(transcript.message.id)
    return Position.parse(last_event_id, transcript)
