"""Search's own Prometheus metrics."""

from prometheus_client import Gauge

LAG = Gauge(
    "webox_search_lag_seconds",
    "Age of the oldest event that is not yet searchable; 0 when there is none, NaN if not known.",
)
