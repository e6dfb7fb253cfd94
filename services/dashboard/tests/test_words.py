from datetime import timedelta
from importlib import resources

import pytest
from babel.messages.pofile import read_po

from webox_dashboard.words import times
from webox_dashboard.words.kinds import ACTIVITIES, NOTIFICATIONS
from webox_dashboard.words.languages import negotiate, translations
from webox_dashboard.words.sizes import size


@pytest.mark.parametrize(
    ("past", "compact", "short", "long"),
    [
        ({"seconds": -3600}, "À l'instant", "À l'instant", "À l'instant"),
        ({"seconds": 0}, "À l'instant", "À l'instant", "À l'instant"),
        ({"seconds": 59}, "À l'instant", "À l'instant", "À l'instant"),
        ({"seconds": 60}, "Il y a 1min", "Il y a 1 min", "Il y a 1 minute"),
        ({"minutes": 59, "seconds": 59}, "Il y a 59min", "Il y a 59 min", "Il y a 59 minutes"),
        ({"hours": 1}, "Il y a 1h", "Il y a 1 h", "Il y a 1 heure"),
        ({"hours": 2}, "Il y a 2h", "Il y a 2 h", "Il y a 2 heures"),
        ({"hours": 23, "minutes": 59}, "Il y a 23h", "Il y a 23 h", "Il y a 23 heures"),
        ({"days": 1}, "Il y a 1j", "Il y a 1 j", "Il y a 1 jour"),
        ({"days": 3}, "Il y a 3j", "Il y a 3 j", "Il y a 3 jours"),
        ({"days": 400}, "Il y a 400j", "Il y a 400 j", "Il y a 400 jours"),
    ],
)
def test_times_in_french(past: dict[str, int], compact: str, short: str, long: str) -> None:
    age, styles = timedelta(**past), (times.compact, times.short, times.long)
    assert [times.ago(style, age, "fr") for style in styles] == [compact, short, long]


@pytest.mark.parametrize(
    ("past", "compact", "short", "long"),
    [
        ({"seconds": 59}, "Just now", "Just now", "Just now"),
        ({"minutes": 1}, "1min ago", "1 min ago", "1 minute ago"),
        ({"minutes": 15}, "15min ago", "15 min ago", "15 minutes ago"),
        ({"hours": 1}, "1h ago", "1 h ago", "1 hour ago"),
        ({"hours": 2}, "2h ago", "2 h ago", "2 hours ago"),
        ({"days": 1}, "1d ago", "1 d ago", "1 day ago"),
        ({"days": 1234}, "1234d ago", "1234 d ago", "1234 days ago"),
    ],
)
def test_times_in_english(past: dict[str, int], compact: str, short: str, long: str) -> None:
    age, styles = timedelta(**past), (times.compact, times.short, times.long)
    assert [times.ago(style, age, "en") for style in styles] == [compact, short, long]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1049, "1 kB"),
        (1050, "1.1 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1 MB"),
        (2_400_000_000, "2.4 GB"),
        (10_000_000_000, "10 GB"),
        (999_999_999_999, "1 TB"),
        (2**62, "4.6 EB"),
        (10**22, "10000 EB"),
    ],
)
def test_sizes(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "fr"),
        ("en", "en"),
        ("EN-us", "en"),
        ("fr-CA,en;q=0.9", "fr"),
        ("de,en;q=0.5,fr;q=0.4", "en"),
        ("fr;q=0.4,en;q=0.5", "en"),
        ("fr;q=0,en;q=0.1", "en"),
        ("en;q=0", "fr"),
        ("*,en;q=0.1", "fr"),
        ("de, ja", "fr"),
        ("en; q=1", "en"),
        ("en;q=high", "fr"),
        ("english", "fr"),
    ],
)
def test_languages(header: str | None, language: str) -> None:
    assert negotiate(header) == language


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_word_is_in_the_catalog(language: str) -> None:
    locale = resources.files("webox_dashboard") / "locale" / language / "LC_MESSAGES"
    with (locale / "webox_dashboard.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    said = {"Just now"}
    said |= {words for each in ACTIVITIES.values() for words in (each.title, each.description)}
    said |= {each.message for each in NOTIFICATIONS.values()}
    assert {each for each in said if not (catalog.get(each) and catalog[each].string)} == set()
    assert [message.id for message in catalog if message.fuzzy and message.id] == []


def test_plural_rules_are_each_language_s_own() -> None:
    assert translations("fr").ngettext("{count}d ago", "{count}d ago", 0) == "Il y a {count}j"
    assert translations("en").ngettext("{count}d ago", "{count}d ago", 2) == "{count}d ago"
