"""Waiting for the replies of a message, holding no database connection."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Self

from webox_chat.live.frames import REPLIES, decoded_finals
from webox_chat.replies.repository import ReplyRepository
from webox_chat.replies.schemas import StoredReply
from webox_kit.errors import NotFoundError
from webox_kit.signals import Signals

_LOOK_AGAIN_SECONDS = 1.0


class ReplyWaiter:
    """Within its block, the finals of the message that it listens to are caught as they come."""

    def __init__(self, signals: Signals, replies: ReplyRepository) -> None:
        self._signals = signals
        self._replies = replies
        self._finals: dict[int, StoredReply] = {}
        self._came = asyncio.Event()
        self._hurried = False
        self._begun: list[asyncio.Task[None]] = []
        self._subscriptions = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._begun)
        await self._subscriptions.aclose()

    def listen(self, message_id: int) -> "asyncio.Task[None]":
        """Done once Redis has been told; what the caller begins after it comes after that."""
        listening = self._signals.listening(REPLIES, message_id, self._take)
        begun = asyncio.create_task(self._subscriptions.enter_async_context(listening))
        self._begun.append(begun)
        return begun

    def hurry(self) -> None:
        """Wait no longer."""
        self._hurried = True
        self._came.set()

    async def replies(
        self, message_id: int, asked: int | None, wanted: int | None, seconds: float
    ) -> list[StoredReply]:
        """The current replies: once `wanted` of them (None: all) are final, or after `seconds`.

        `asked` is how many there will be, when that is known.

        Raises:
            NotFoundError: there are none: the conversation was deleted meanwhile.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        if asked is None:
            self._came.set()
        while True:
            left = deadline - loop.time()
            await self._something(min(left, _LOOK_AGAIN_SECONDS))
            found = self._all_caught(asked) or await self._read(message_id)
            finals = sum(each.is_final for each in found)
            if left <= 0 or self._hurried or finals >= min(wanted or len(found), len(found)):
                return found

    def _all_caught(self, asked: int | None) -> list[StoredReply] | None:
        if len(self._finals) != asked:
            return None
        return sorted(self._finals.values(), key=lambda each: each.position)

    async def _read(self, message_id: int) -> list[StoredReply]:
        found = await self._replies.current(message_id)
        if not found:
            raise NotFoundError("The conversation was deleted while its providers were asked.")
        return found

    async def _something(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._came.wait()
        self._came.clear()

    def _take(self, payload: bytes | None) -> None:
        for each in decoded_finals(payload) if payload else ():
            self._finals[each.id] = each
        self._came.set()
