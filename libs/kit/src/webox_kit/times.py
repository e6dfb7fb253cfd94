"""Moments as the API writes them, and the time zones of those who read them.

Moments are ISO 8601 in UTC, to the second, e.g. 2025-11-24T14:30:00Z.
"""

from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AwareDatetime, PlainSerializer


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[AwareDatetime, PlainSerializer(iso, return_type=str, when_used="json")]
"""A date of a response."""


_NO_PLACES = frozenset({"Factory", "localtime"})


def is_time_zone(name: str) -> bool:
    """Whether `name` is an IANA time zone, e.g. `Europe/Paris`. Case matters."""
    return name in _time_zones() and name not in _NO_PLACES


def zone_of(name: str | None) -> tzinfo:
    """The zone of this name; UTC for none, and for one that this machine does not know."""
    return ZoneInfo(name) if name is not None and is_time_zone(name) else UTC


@cache
def _time_zones() -> set[str]:
    """Asked first, since `ZoneInfo` opens files by the names it is given."""
    return available_timezones()
