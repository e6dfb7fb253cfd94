from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from webox_kit.times import is_time_zone, zone_of


@pytest.mark.parametrize("name", ["Europe/Paris", "UTC", "America/Argentina/Ushuaia"])
def test_time_zones(name: str) -> None:
    assert is_time_zone(name)
    assert zone_of(name) == ZoneInfo(name)


@pytest.mark.parametrize(
    "name", ["", "europe/paris", "Europe", "Europe/Paris/", "/etc/passwd", "../UTC", "a\x00b", "é"]
)
def test_what_is_none(name: str) -> None:
    assert not is_time_zone(name)
    assert zone_of(name) is UTC


def test_no_zone_is_utc() -> None:
    assert zone_of(None) is UTC
