"""Where a text matches a query, for engines that do not say it themselves."""

from collections.abc import Iterator, Sequence

from webox_search.index.base import Span
from webox_search.index.parsing import ParsedQuery, Term
from webox_search.index.stems import forms_of_word
from webox_search.index.words import Word, words_with_places


def find_matches(query: ParsedQuery, text: str, *, tolerant: bool) -> tuple[Span, ...]:
    """The matches in order, in code points of `text`; matches that touch are one."""
    found = list(words_with_places(text))
    spans: set[Span] = set()
    for term in query.wanted:
        spans.update(_of_term(term, found))
        if term.has_forms:
            spans.update(_of_forms(term, found, text))
    if tolerant:
        for word, typos in query.forgiving.items():
            spans.update(_of_misspelt(word, typos, found, prefix=_is_prefix(query, word)))
    return tuple(_joined(sorted(spans)))


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


def _of_term(term: Term, found: Sequence[Word]) -> Iterator[Span]:
    *first, last = term.words
    size = len(term.words)
    for place in range(len(found) - size + 1):
        end = found[place + size - 1]
        if not (end.text.startswith(last) if term.prefix else end.text == last):
            continue
        if all(found[place + index].text == word for index, word in enumerate(first)):
            yield from ((word.start, word.end) for word in found[place : place + size])


def _of_forms(term: Term, found: Sequence[Word], text: str) -> Iterator[Span]:
    wanted = {term.words[0], *term.forms}
    verdicts: dict[str, bool] = {}
    for each in found:
        written = text[each.start : each.end]
        if written not in verdicts:
            verdicts[written] = each.text in wanted or not wanted.isdisjoint(forms_of_word(written))
        if verdicts[written]:
            yield each.start, each.end


def _of_misspelt(word: str, typos: int, found: Sequence[Word], *, prefix: bool) -> Iterator[Span]:
    verdicts: dict[str, bool] = {}
    for candidate in found:
        if candidate.text not in verdicts:
            verdicts[candidate.text] = _is_near(word, candidate.text, typos, prefix=prefix)
        if verdicts[candidate.text]:
            yield candidate.start, candidate.end


def _is_near(word: str, other: str, typos: int, *, prefix: bool) -> bool:
    too_short = len(other) < len(word) - typos
    too_long = not prefix and len(other) > len(word) + typos
    # A look at the letters spares most words the comparison.
    if too_short or too_long or len(set(word).difference(other)) > typos:
        return False
    return typos_between(word, other, typos, prefix=prefix) <= typos


def _is_prefix(query: ParsedQuery, word: str) -> bool:
    return any(term.prefix and term.words == (word,) for term in query.wanted)


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
