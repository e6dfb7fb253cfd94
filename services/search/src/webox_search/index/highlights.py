"""Where a text matches a query, for engines that do not say it themselves."""

import re
from collections.abc import Iterator, Sequence

from webox_search.index.base import Span
from webox_search.index.parsing import ParsedQuery, Term
from webox_search.index.stems import aligned_lower, word_and_forms
from webox_search.index.words import Word, words_with_places


class Matcher:
    """Finds where texts match one query; with `tolerant` also where words are misspelt."""

    def __init__(self, query: ParsedQuery, *, tolerant: bool) -> None:
        self._phrases = [term for term in query.wanted if term.is_phrase]
        self._verdicts = _Verdicts(query, tolerant=tolerant)
        self._candidates = re.compile(rf"\b{self._verdicts.beginning}\w*")

    def spans(self, text: str) -> tuple[Span, ...]:
        """The matches in order, in code points of `text`; matches that touch are one."""
        if not self._phrases and (lower := aligned_lower(text)) is not None:
            return tuple(_joined(list(self._of_written(lower))))
        found = list(words_with_places(text))
        spans = {
            (each.start, each.end) for each in found if self._verdicts[text[each.start : each.end]]
        }
        for term in self._phrases:
            spans.update(_of_phrase(term, found))
        return tuple(_joined(sorted(spans)))

    def _of_written(self, lower: str) -> Iterator[Span]:
        # In a simple text words are Python's but for underscores.
        found_in = self._candidates.finditer(lower.replace("_", " "))
        return (found.span() for found in found_in if self._verdicts[found[0]])


class _Verdicts(dict[str, bool]):
    """Whether a word, as it is written, is what the query's single words ask for."""

    def __init__(self, query: ParsedQuery, *, tolerant: bool) -> None:
        super().__init__()
        terms = [term for term in query.wanted if not term.is_phrase]
        self._typed = {term.words[0] for term in terms}
        self._beginnings = tuple(term.words[0] for term in terms if term.prefix)
        self._forms = {
            form for term in terms if term.has_forms for form in (term.words[0], *term.forms)
        }
        self._forgiving = query.forgiving if tolerant else {}

    @property
    def beginning(self) -> str:
        """A pattern of how words begin that may match.

        Stems keep the first letter, typos do not; and what is not ASCII may fold to any.
        """
        if self._forgiving:
            return ""
        letters = sorted({word[0] for word in (*self._typed, *self._forms)})
        return f"[{''.join(letters)}\x80-\U0010ffff]"

    def __missing__(self, written: str) -> bool:
        self[written] = verdict = self._matches(written)
        return verdict

    def _matches(self, written: str) -> bool:
        word, forms = word_and_forms(written)
        return (
            word in self._typed
            or word.startswith(self._beginnings)
            # Each shares a form with the other, or is one of it.
            or (bool(self._forms) and (word in self._forms or not self._forms.isdisjoint(forms)))
            or (bool(self._forgiving) and self._is_misspelt(word))
        )

    def _is_misspelt(self, word: str) -> bool:
        return any(
            _is_near(wanted, word, typos, prefix=wanted in self._beginnings)
            for wanted, typos in self._forgiving.items()
        )


def typos_between(word: str, other: str, at_most: int, *, prefix: bool = False) -> int:
    """Edits from `word` to `other`, a swap of neighbours being one; over `at_most` is not exact.

    `prefix` compares with the nearest beginning of `other`. The optimal string alignment
    distance (https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance), row by row.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(word, start=1):
        earlier, before, row = before, row, [place]
        for column, candidate in enumerate(other, start=1):
            cost = min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != candidate))
            swapped = (
                place > 1
                and column > 1
                and letter == other[column - 2]
                and word[place - 2] == candidate
            )
            row.append(min(cost, earlier[column - 2] + 1) if swapped else cost)
        if min(row) > at_most:
            return at_most + 1
    return min(row) if prefix else row[-1]


def _of_phrase(term: Term, found: Sequence[Word]) -> Iterator[Span]:
    *first, last = term.words
    size = len(term.words)
    for place in range(len(found) - size + 1):
        end = found[place + size - 1]
        if not (end.text.startswith(last) if term.prefix else end.text == last):
            continue
        if all(found[place + index].text == word for index, word in enumerate(first)):
            yield from ((word.start, word.end) for word in found[place : place + size])


def _is_near(word: str, other: str, typos: int, *, prefix: bool) -> bool:
    too_short = len(other) < len(word) - typos
    too_long = not prefix and len(other) > len(word) + typos
    # A look at the letters spares most words the comparison.
    if too_short or too_long or len(set(word).difference(other)) > typos:
        return False
    return typos_between(word, other, typos, prefix=prefix) <= typos


def _joined(spans: Sequence[Span]) -> Iterator[Span]:
    """Neighbours in scripts without spaces become one span."""
    if not spans:
        return
    start, end = spans[0]
    for next_start, next_end in spans[1:]:
        if next_start > end:
            yield start, end
            start, end = next_start, next_end
        else:
            end = max(end, next_end)
    yield start, end
