"""Which turns are left out for a model's window."""

import pytest

from webox_chat.providers import ChatTurn, ProviderRequest
from webox_chat.providers.context import estimated_tokens, turns_within


def conversation(turns: int, characters: int = 30) -> tuple[ChatTurn, ...]:
    """Of so many turns, a user's first; each is estimated at `characters` / 3 + 4 tokens."""
    return tuple(
        ChatTurn("assistant" if number % 2 else "user", "x" * characters) for number in range(turns)
    )


def kept(turns: tuple[ChatTurn, ...], window: int, **more: object) -> int:
    """How many of the turns; they are the latest ones."""
    within = turns_within(ProviderRequest("m", turns, **more), window)  # type: ignore[arg-type] # passed on
    assert within == turns[len(turns) - len(within) :]
    return len(within)


class TestWhatIsKept:
    def test_is_all_that_fits(self) -> None:
        assert kept(conversation(101), 1_000_000) == 101
        assert kept(conversation(3), 56) == 3, "3 turns of 14 tokens and a quarter for the answer"

    def test_is_the_latest_from_a_users_turn_on(self) -> None:
        assert kept(conversation(101), 200) == 9, "150 tokens: 10 turns, of which one is odd"

    def test_leaves_room_for_the_answer(self) -> None:
        assert kept(conversation(101), 200, max_tokens=100) == 7
        assert kept(conversation(101), 200, max_tokens=1_000_000) == 7, "half of it at most"

    def test_leaves_room_for_the_system_prompt(self) -> None:
        assert kept(conversation(101), 200, system="x" * 210) == 5

    @pytest.mark.parametrize("more", [{}, {"system": "x" * 1000}], ids=["alone", "with system"])
    def test_is_the_question_in_any_case(self, more: dict[str, object]) -> None:
        assert kept(conversation(5, 1000), 100, **more) == 1


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        # As the tokenizer in Anthropic's SDK 0.38 counts.
        ("Hello, how are you doing today?", 8),
        ("Où est la bibliothèque, s'il vous plaît ?", 16),
        ("今日はいい天気ですね。", 12),
        ("Сегодня хорошая погода, пойдём гулять.", 24),
        ("आज मौसम अच्छा है, चलो टहलने चलते हैं।", 41),
    ],
)
def test_the_estimate_is_not_less_than_what_is_counted(text: str, counted: int) -> None:
    assert counted <= estimated_tokens(text) <= 2 * counted


def test_lone_surrogates_are_counted_too() -> None:
    assert estimated_tokens("\ud800" * 3) > 0
