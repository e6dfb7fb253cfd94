from collections.abc import Iterable

import pytest

from webox_kit.progress import progress_line
from webox_kit.verification import Difference, differences, lasting_differences


def missing(key: str, model: str = "-") -> Difference:
    return Difference("message", key, "there", model)


class Looks:
    """Answers one list of differences after the other."""

    def __init__(self, *answers: Iterable[Difference]) -> None:
        self.left = list(answers)

    async def __call__(self) -> Iterable[Difference]:
        return self.left.pop(0)


class TestLasting:
    async def test_what_is_gone_at_the_second_look_was_under_way(self) -> None:
        looks = Looks([missing("1"), missing("2")], [missing("2"), missing("3")])
        assert await lasting_differences(looks, pause_seconds=0) == [missing("2")]

    async def test_what_has_changed_meanwhile_is_moving(self) -> None:
        looks = Looks([missing("1", "4")], [missing("1", "5")])
        assert await lasting_differences(looks, pause_seconds=0) == []

    async def test_without_any_there_is_no_second_look(self) -> None:
        assert await lasting_differences(Looks([]), pause_seconds=0) == []


def test_differences_are_told_both_ways() -> None:
    found = differences(
        "storage", {(1, "a"): 5, (1, "b"): 6, (2, "c"): 7}, {(1, "b"): 6, (2, "c"): 8, (3, "d"): 9}
    )
    assert sorted(found) == [
        Difference("storage", "1 a", "5", "-"),
        Difference("storage", "2 c", "7", "8"),
        Difference("storage", "3 d", "-", "9"),
    ]


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, None, 0, "Search: 0 texts, 0/s"),
        (12_000, 48_000, 3, "Search: 12,000 of 48,000 texts, 4,000/s, about 9 s left"),
        (1_000, 1_000_000, 1, "Search: 1,000 of 1,000,000 texts, 1,000/s, about 16.6 min left"),
        (50, 50, 1, "Search: 50 of 50 texts, 50/s"),
    ],
)
def test_progress(done: int, total: int | None, seconds: float, line: str) -> None:
    assert progress_line("Search", "texts", done, total, seconds) == line
