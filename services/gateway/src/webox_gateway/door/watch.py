"""Looking after a request that is still going after a moment.

Most answers take a few milliseconds; watching those would cost a tenth of all requests per
second. So a timer is set, and only a request that outlives it gets a task, which ends the
request when its client has left, its token was revoked, its service keeps silent, or its
client stopped reading.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from types import TracebackType
from typing import Self

from starlette.types import Receive

_BEFORE_WATCHING = 0.1
_LOOK_EVERY = 2.0
_UNREAD_SECONDS = 60.0


class Ending(Enum):
    CLIENT_LEFT = auto()
    TOO_LATE = auto()
    REVOKED = auto()
    UNREAD = auto()


class Watch:
    """Cancels the task that entered it when there is a reason to; `ending` is then that reason."""

    __slots__ = (
        "_deadline",
        "_loop",
        "_owner",
        "_receive",
        "_still_allowed",
        "_task",
        "_timer",
        "_writing_since",
        "ending",
    )

    def __init__(
        self, receive: Receive, still_allowed: Callable[[], Awaitable[bool]], patience: float
    ) -> None:
        self._receive = receive
        self._still_allowed = still_allowed
        self._loop = asyncio.get_running_loop()
        self._deadline: float | None = self._loop.time() + patience
        self._writing_since: float | None = None
        self._owner = asyncio.current_task(self._loop)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle
        self.ending: Ending | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(_BEFORE_WATCHING, self._begin)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def answering(self) -> None:
        """The answer has begun: from now on it may take as long as it likes."""
        self._deadline = None

    def writing(self) -> None:
        """What was read is being written to the client."""
        self._writing_since = self._loop.time()

    def written(self) -> None:
        self._writing_since = None

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._look_on())

    async def _look_on(self) -> None:
        while self.ending is None:
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    message = await self._receive()
            except TimeoutError:
                self.ending = await self._judge()
            else:
                if message["type"] == "http.disconnect":
                    self.ending = Ending.CLIENT_LEFT
        if self._owner is not None:
            self._owner.cancel()

    async def _judge(self) -> Ending | None:
        now = self._loop.time()
        if self._deadline is not None and now > self._deadline:
            return Ending.TOO_LATE
        if self._writing_since is not None and now > self._writing_since + _UNREAD_SECONDS:
            return Ending.UNREAD
        return None if await self._still_allowed() else Ending.REVOKED
