"""The log of calls: who asked what, and whether they stayed for the answer."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

REMEMBERED_CALLS = 10_000


@dataclass(slots=True)
class Call:
    """One request to the double; `outcome` changes from running to finished or aborted."""

    protocol: str
    model: str
    at: str
    key_tail: str
    messages: int
    system: str = ""
    stop: tuple[str, ...] = ()
    outcome: Literal["running", "finished", "aborted"] = "running"


class CallLog:
    """The last calls, oldest first."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=REMEMBERED_CALLS)
        self._change = asyncio.Event()

    @contextmanager
    def record(
        self,
        protocol: str,
        model: str,
        key: str,
        messages: int,
        *,
        system: str = "",
        stop: tuple[str, ...] = (),
    ) -> Iterator[Call]:
        """Logs the call at once and its outcome at the end."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        call = Call(protocol, model, at, key[-4:], messages, system, stop)
        self.calls.append(call)
        self._tell()
        try:
            yield call
        except (asyncio.CancelledError, ConnectionError):
            call.outcome = "aborted"
            raise
        else:
            call.outcome = "finished"
        finally:
            self._tell()

    async def change(self) -> None:
        """Returns at the next new call or outcome."""
        await self._change.wait()

    def _tell(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    def as_dicts(self) -> list[dict[str, Any]]:
        return [asdict(call) for call in self.calls]
