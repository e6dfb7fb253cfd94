import io
import os
import signal
import time
from collections.abc import Callable

import pytest

from webox_local.stopping import (
    StopRequested,
    signals_raise_stop_requested,
    stop_is_under_way,
)


def work_until_stopped(begin: Callable[[], object]) -> None:
    """Works under the handlers, for as long as nobody says stop; `begin` is how it begins."""
    with signals_raise_stop_requested():
        begin()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            time.sleep(0.01)


class ClosedByTheInterpreter(io.IOBase):
    def close(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        super().close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_is_raised(number: signal.Signals) -> None:
    with pytest.raises(StopRequested):
        work_until_stopped(lambda: os.kill(os.getpid(), number))


def test_signal_lost_in_a_finalizer_is_raised_again() -> None:
    with pytest.raises(StopRequested):
        work_until_stopped(ClosedByTheInterpreter)


def test_only_two_are_raised() -> None:
    raised = 0
    with signals_raise_stop_requested():
        for _ in range(4):
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
            except StopRequested:
                raised += 1
                stop_is_under_way()
    assert raised == 2


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with signals_raise_stop_requested():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
