"""What passes the door, counted: for /metrics and the operations page."""

from prometheus_client import Histogram

from webox_kit.request_stats import RequestStats

FORWARDED = Histogram(
    "webox_gateway_forwarded_seconds",
    "Time from a request's head to the end of its answer, by the service that answered.",
    ["service", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


class Measures:
    """Records forwarded requests into `stats` and the metric."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats
        self._series: dict[tuple[str, int], Histogram] = {}

    def begin(self) -> None:
        self._stats.in_flight += 1

    def end(self, service: str, status: int, seconds: float) -> None:
        self._stats.in_flight -= 1
        self._stats.record(status, seconds)
        series = self._series.get((service, status))
        if series is None:
            series = self._series[service, status] = FORWARDED.labels(service, str(status))
        series.observe(seconds)
