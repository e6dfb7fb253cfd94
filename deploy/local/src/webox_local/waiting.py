import time
from collections.abc import Callable, Mapping

from webox_local.errors import CannotStartError

Problem = Callable[[], str | None]


def until_answering(
    problems: Mapping[str, Problem],
    *,
    ended: Callable[[], str | None] = lambda: None,
    seconds: float = 30,
) -> None:
    """Returns once none of the named things has a problem any more.

    Args:
        problems: For each thing's name, what says why it does not answer yet, or None.
        ended: Says, as a sentence, that waiting has become pointless, or None.
        seconds: How long to wait for all of them together.

    Raises:
        CannotStartError: Waiting is pointless, or the time is over.
    """
    deadline = time.monotonic() + seconds
    for name, problem in problems.items():
        while reason := problem():
            if pointless := ended():
                raise CannotStartError(pointless)
            if time.monotonic() > deadline:
                raise CannotStartError(f"{name} does not answer: {reason.rstrip('.')}.")
            time.sleep(0.02)
