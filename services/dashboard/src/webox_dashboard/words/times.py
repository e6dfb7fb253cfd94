"""How long ago something was, in the three styles of the dashboard."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

from babel.dates import format_timedelta

from webox_dashboard.words.languages import Language, translations

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

TimeStyle = Callable[[int, int, Language], str]
"""Words for `count` units of so many seconds, in a language."""


def ago(style: TimeStyle, age: timedelta, language: Language) -> str:
    """Whole minutes, hours or days, rounded down; under a minute, and ahead of us, `Just now`."""
    seconds = int(age.total_seconds())
    for unit in (_DAY, _HOUR, _MINUTE):
        if seconds >= unit:
            return style(seconds // unit, unit, language)
    return translations(language).gettext("Just now")


def compact(count: int, unit: int, language: Language) -> str:
    """`2h ago`."""
    ngettext = translations(language).ngettext
    words = {
        _MINUTE: ngettext("{count}min ago", "{count}min ago", count),
        _HOUR: ngettext("{count}h ago", "{count}h ago", count),
        _DAY: ngettext("{count}d ago", "{count}d ago", count),
    }
    return words[unit].format(count=count)


def short(count: int, unit: int, language: Language) -> str:
    """`2 h ago`."""
    ngettext = translations(language).ngettext
    words = {
        _MINUTE: ngettext("{count} min ago", "{count} min ago", count),
        _HOUR: ngettext("{count} h ago", "{count} h ago", count),
        _DAY: ngettext("{count} d ago", "{count} d ago", count),
    }
    return words[unit].format(count=count)


def long(count: int, unit: int, language: Language) -> str:
    """`2 hours ago`, from Babel's own words."""
    words = format_timedelta(
        timedelta(seconds=-count * unit),
        granularity=_GRANULARITY[unit],
        threshold=float("inf"),
        add_direction=True,
        locale=language,
    )
    return words[:1].upper() + words[1:]


_GRANULARITY: dict[int, Literal["minute", "hour", "day"]] = {
    _MINUTE: "minute",
    _HOUR: "hour",
    _DAY: "day",
}
