"""How far the clocks of the services that one calls are from one's own.

A service that refuses an assertion because of its time tells its own clock. The caller signs the
next one by that, so that a machine whose clock is wrong is told of instead of shut out; not
without bound, so that nobody has assertions made for times far away.
"""

import orjson

from webox_contracts.identity import CLOCK
from webox_kit import clock
from webox_kit.logs import get_logger

log = get_logger(__name__)

MOST_APART_SECONDS = 15 * 60


class PeerClocks:
    """The clocks of any number of services, by name; a service's is ours until it tells."""

    def __init__(self) -> None:
        self._ahead: dict[str, float] = {}

    def now(self, service: str) -> int:
        """Seconds since 1970, by the clock of `service`."""
        return int(clock.timestamp() + self._ahead.get(service, 0.0))

    def learn(self, service: str, refusal: bytes) -> bool:
        """From the problem by which `service` refused: whether it may accept another assertion."""
        told = _told(refusal)
        if told is None:
            return False
        ahead = told - clock.timestamp()
        fits = abs(ahead) <= MOST_APART_SECONDS
        log.warning("clocks differ", service=service, ahead_seconds=round(ahead), borne=fits)
        if fits:
            self._ahead[service] = ahead
        return fits


def _told(refusal: bytes) -> float | None:
    try:
        problem = orjson.loads(refusal)
    except orjson.JSONDecodeError:
        return None
    told = problem.get(CLOCK) if isinstance(problem, dict) else None
    return float(told) if isinstance(told, int | float) else None
