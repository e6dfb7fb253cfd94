"""Search's own Prometheus metrics."""

from prometheus_client import Histogram

FRESHNESS = Histogram(
    "webox_search_freshness_seconds",
    "From an event to its being visible in search.",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
