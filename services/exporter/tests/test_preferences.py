import pytest

from webox_exporter.preferences import language_of, wait_seconds


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("en", "en"),
        ("EN-us,en;q=0.9", "en"),
        ("fr-CA, en", "fr"),
        ("en;q=0.3, fr;q=0.8", "fr"),
        ("de", "fr"),
        ("de, en;q=0.1", "en"),
        ("en;q=0", "fr"),
        ("*, ;q=x, \x00", "fr"),
        ("enx", "fr"),
    ],
)
def test_language(header: str, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 10),
        ("wait=3", 3),
        ("Wait = 3", 3),
        ('wait="7"', 7),
        ("wait=1000000", 60),
        ("respond-async", 0),
        ("respond-async, wait=5", 5),
        ("return=minimal; foo=1, wait=2", 2),
        ("wait=-1", 10),
        ("wait=abc", 10),
        ("await=3", 10),
    ],
)
def test_wait(header: str, seconds: float) -> None:
    assert wait_seconds(header, 10, 60) == seconds
