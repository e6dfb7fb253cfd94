"""Passing on what providers say while they say it, to whoever watches."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from webox_chat.live.frames import TEXT, TextPiece, encoded_pieces
from webox_chat.live.texts import GrowingText
from webox_kit.cancellation import cancel_and_wait
from webox_kit.logs import get_logger
from webox_kit.signals import signal_channel

log = get_logger(__name__)


class Growing(Protocol):
    """A reply that is being made."""

    reply_id: int
    message_id: int
    attempt: int
    text: GrowingText


@dataclass(slots=True)
class _Audience:
    """Of one message: its replies here, how much of each was passed on, and whether to go on.

    `shows` counts how often somebody began to watch.
    """

    watched: bool
    passed_on: dict[Growing, int] = field(default_factory=dict)
    shows: int = 0


class TextPublisher:
    """Passes on all that has come while the last was passed on: at rest at once, else in batches.

    A message that nobody watches is passed on once at most; `show` starts it again, from its
    beginning.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._audiences: dict[int, _Audience] = {}
        self._grown: dict[Growing, None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._pass_on_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            await cancel_and_wait(self._task)

    @contextmanager
    def publishing(self, reply: Growing, *, watched: bool) -> Iterator[None]:
        """Within the block, `grew` and `show` know the reply; `watched` from the first or not."""
        audience = self._audiences.setdefault(reply.message_id, _Audience(watched=watched))
        audience.passed_on[reply] = 0
        try:
            yield
        finally:
            self._grown.pop(reply, None)
            del audience.passed_on[reply]
            if not audience.passed_on:
                del self._audiences[reply.message_id]

    def grew(self, reply: Growing) -> None:
        if self._audiences[reply.message_id].watched:
            self._grown[reply] = None
            self._wake.set()

    def show(self, message_id: int) -> None:
        """Somebody began to watch: pass on all there is, and what comes."""
        audience = self._audiences.get(message_id)
        if audience is None:
            return
        audience.watched = True
        audience.shows += 1
        for reply in audience.passed_on:
            audience.passed_on[reply] = 0
            self._grown[reply] = None
        self._wake.set()

    async def _pass_on_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._pass_on()
            except RedisError as error:
                log.warning("text not passed on", error=type(error).__name__)

    async def _pass_on(self) -> None:
        pieces: dict[int, list[TextPiece]] = defaultdict(list)
        for reply in self._grown:
            pieces[reply.message_id].append(self._next_piece(reply))
        self._grown.clear()
        audiences = [self._audiences[message_id] for message_id in pieces]
        shows = [audience.shows for audience in audiences]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for message_id, of_message in pieces.items():
                pipeline.publish(
                    signal_channel(self._redis, TEXT, message_id), encoded_pieces(of_message)
                )
            watching = await pipeline.execute()
        for audience, before, viewers in zip(audiences, shows, watching, strict=True):
            # Who began to watch meanwhile was not counted.
            if not viewers and audience.shows == before:
                audience.watched = False

    def _next_piece(self, reply: Growing) -> TextPiece:
        passed_on = self._audiences[reply.message_id].passed_on
        offset, passed_on[reply] = passed_on[reply], len(reply.text)
        return TextPiece(reply.reply_id, reply.attempt, offset, reply.text.since(offset))
