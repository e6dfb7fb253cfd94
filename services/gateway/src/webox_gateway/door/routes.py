"""The route table: which service answers a path, and what a token must be allowed for it."""

import re
from dataclasses import dataclass
from re import Pattern

from webox_contracts.identity import Scope

SERVICES = ("chat", "search", "exporter", "dashboard")
OWN = "gateway"


@dataclass(frozen=True, slots=True)
class Route:
    """`service` is asked for `path`, or for the path that was asked of us if that is None.

    `patience` is how many seconds it may take before its answer begins.
    """

    service: str
    scope: Scope
    patience: float
    path: str | None = None


# A send may be told to wait for 300 s, and an export, with `Prefer: wait`, as long.
_LONG = 330.0
_SHORT = 30.0

_EXACT = {
    "/ops": Route(OWN, Scope.ADMIN, _SHORT, path="/ops"),
    "/ops/gateway": Route(OWN, Scope.ADMIN, _SHORT, path="/ops"),
    "/metrics": Route(OWN, Scope.ADMIN, _SHORT, path="/metrics"),
    "/api/chat/search": Route("search", Scope.CHAT, _SHORT),
    **{f"/ops/{name}": Route(name, Scope.ADMIN, _SHORT, path="/ops") for name in SERVICES},
}

_PATTERNS: tuple[tuple[Pattern[str], Route], ...] = (
    (
        re.compile(r"/api/chat/conversations/[^/]*/export"),
        Route("exporter", Scope.EXPORTS, _LONG),
    ),
    (re.compile(r"/api/exports(/.*)?", re.DOTALL), Route("exporter", Scope.EXPORTS, _SHORT)),
    (re.compile(r"/api/chat/.*", re.DOTALL), Route("chat", Scope.CHAT, _LONG)),
    (
        re.compile(r"/api/dashboard/.*", re.DOTALL),
        Route("dashboard", Scope.DASHBOARD_READ, _SHORT),
    ),
)


def route_of(path: str) -> Route | None:
    """The route of a path, decoded as the service will see it; None: our own app decides."""
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
    for pattern, route in _PATTERNS:
        if pattern.fullmatch(path):
            return route
    return None
