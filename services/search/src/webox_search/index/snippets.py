"""The piece of a text that shows why it was found."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

from webox_search.index.base import Span

SNIPPET_CHARACTERS = 160
ELLIPSIS = "..."
_WORD_SEARCHED = 30
"""How far a cut moves inward to find a space; text without spaces is cut where it is."""
_ZERO_WIDTH_JOINER = "\u200d"


def cut_snippet(text: str, spans: Sequence[Span]) -> tuple[str, tuple[Span, ...]]:
    """At most 160 characters of a one-line text around its densest matches, cut at words.

    `spans` are the matches, in order; those that are shown come back, in the snippet's terms.
    """
    if len(text) <= SNIPPET_CHARACTERS:
        return text, tuple(spans)
    start, end = _window(text, _densest(text, spans))
    head = ELLIPSIS if start > 0 else ""
    tail = ELLIPSIS if end < len(text) else ""
    moved = (
        (max(first, start) - start + len(head), min(last, end) - start + len(head))
        for first, last in spans
        if first < end and last > start
    )
    return head + text[start:end] + tail, tuple(moved)


def _densest(text: str, spans: Sequence[Span]) -> Span:
    """The stretch that fits and holds the most different matched words, then the most matches."""
    budget = SNIPPET_CHARACTERS - 2 * len(ELLIPSIS)
    best, best_worth = (0, 0), (0, 0)
    different: Counter[str] = Counter()
    first = 0
    for last, (start, end) in enumerate(spans):
        different[text[start:end].casefold()] += 1
        while first < last and end - spans[first][0] > budget:
            _forget(different, text[slice(*spans[first])].casefold())
            first += 1
        worth = (len(different), last - first + 1)
        if worth > best_worth:
            best, best_worth = (spans[first][0], end), worth
    return best


def _forget(counter: Counter[str], word: str) -> None:
    counter[word] -= 1
    if not counter[word]:
        del counter[word]


def _window(text: str, match: Span) -> Span:
    """The match with as much text around it as fits, cut between words."""
    budget = SNIPPET_CHARACTERS - 2 * len(ELLIPSIS)
    left, right = match[0], min(match[1], match[0] + budget)
    spare = budget - (right - left)
    start = max(0, left - spare // 2)
    end = min(len(text), start + budget)
    start = max(0, end - budget)
    return _start_of_word(text, start, left), _end_of_word(text, right, end)


def _start_of_word(text: str, start: int, limit: int) -> int:
    if start == 0 or text[start - 1] == " ":
        return start
    space = text.find(" ", start, min(limit, start + _WORD_SEARCHED))
    if space >= 0:
        return space + 1
    while start < limit and _continues(text, start):
        start += 1
    return start


def _end_of_word(text: str, limit: int, end: int) -> int:
    if end == len(text) or text[end] == " ":
        return end
    space = text.rfind(" ", max(limit, end - _WORD_SEARCHED), end)
    if space >= 0:
        return space
    while end > limit and _continues(text, end):
        end -= 1
    return end


def _continues(text: str, place: int) -> bool:
    """Whether a cut here would part a mark or a joined emoji from what it belongs to."""
    character = text[place]
    is_joined = _ZERO_WIDTH_JOINER in (character, text[place - 1])
    return is_joined or unicodedata.category(character)[0] == "M"
