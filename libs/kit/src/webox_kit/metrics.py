"""Prometheus metrics that every service has."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "webox_http_request_seconds",
    "Time to answer HTTP requests.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
CONSUMED = Counter("webox_events_consumed_total", "Events applied.", ["service"])
KEPT_DEAD_LETTERS = Gauge(
    "webox_dead_letters_kept",
    "Dead letters that wait for an operator; NaN while the database is away.",
    ["service"],
)
DEAD_LETTERS = Counter("webox_dead_letters_total", "Events given up.", ["service"])
GAPS = Counter("webox_stream_gaps_total", "Events trimmed before they were read.", ["service"])
DUTY_HELD = Gauge("webox_duty_held", "Whether this process does the duty.", ["service", "duty"])
DUTY_STOPPED = Gauge("webox_duty_stopped", "Whether the duty gave up.", ["service", "duty"])
