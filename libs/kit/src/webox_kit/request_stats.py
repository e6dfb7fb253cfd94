"""What a process remembers of its requests, for its operations page."""

from collections import deque

from webox_kit import clock

_REMEMBERED = 1000
_SERVER_ERROR = 500


class RequestStats:
    """Counts since the start, and the latencies (seconds) of the last thousand requests."""

    def __init__(self) -> None:
        self.started_at = clock.now()
        self.requests = 0
        self.errors = 0
        self.in_flight = 0
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)

    def record(self, status: int, seconds: float) -> None:
        self.requests += 1
        self.errors += status >= _SERVER_ERROR
        self._latencies.append(seconds)

    def quantile(self, q: float) -> float:
        """Of the remembered latencies; 0 when there are none."""
        if not self._latencies:
            return 0.0
        ordered = sorted(self._latencies)
        return ordered[min(int(q * len(ordered)), len(ordered) - 1)]
