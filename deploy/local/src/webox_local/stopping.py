"""Ctrl-C, SIGTERM and a closed terminal, all meaning the same."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody wants Webox to stop."""


@contextlib.contextmanager
def signals_raise_stop_requested() -> Iterator[None]:
    """Makes the first two stop signals raise StopRequested where the program is, and no more.

    The second is for somebody who does not want to wait for the clean end.
    """
    left = 2

    def raise_it(_number: int, _frame: FrameType | None) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise StopRequested

    before = {number: signal.signal(number, raise_it) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
