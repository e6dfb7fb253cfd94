"""Ctrl-C, SIGTERM and a closed terminal, all meaning the same."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REMINDER_SECONDS = 0.2


class StopRequested(BaseException):
    """Somebody wants Webox to stop. No error, so that nobody catches it by chance."""


@contextlib.contextmanager
def signals_raise_stop_requested() -> Iterator[None]:
    """Makes the first two stop signals raise StopRequested wherever the program is.

    The second is for somebody who does not want to wait for the clean end; further ones change
    nothing. Where Python happens to run a finalizer the exception is lost without a trace, hence
    it is raised again until somebody says `stop_is_under_way`.
    """
    left = 2

    def on_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise_it(_number, _frame)

    def raise_it(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, REMINDER_SECONDS)
        raise StopRequested

    handlers = {**dict.fromkeys(SIGNALS, on_stop), signal.SIGALRM: raise_it}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        stop_is_under_way()
        for number, earlier in before.items():
            signal.signal(number, earlier)


def stop_is_under_way() -> None:
    """Says that StopRequested has arrived."""
    signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Makes SIGTERM and a closed terminal what Ctrl-C is: a KeyboardInterrupt."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextlib.contextmanager
def signals_held_back() -> Iterator[None]:
    """Within the block nothing is interrupted; what comes meanwhile arrives at its end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
