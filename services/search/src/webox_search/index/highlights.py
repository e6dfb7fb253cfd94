"""Where a text matches a query, for engines that do not say it themselves."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

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
            return tuple(_joined(self._of_written(lower)))
        found = list(words_with_places(text))
        places = {(each.start, each.end): text[each.start : each.end] for each in found}
        self._verdicts.judge(places.values())
        spans = {place for place, written in places.items() if self._verdicts[written]}
        for term in self._phrases:
            spans.update(_of_phrase(term, found))
        return tuple(_joined(sorted(spans)))

    def _of_written(self, lower: str) -> list[Span]:
        # In a simple text words are Python's but for underscores.
        found = list(self._candidates.finditer(lower.replace("_", " ")))
        self._verdicts.judge(each[0] for each in found)
        return [each.span() for each in found if self._verdicts[each[0]]]


class _Verdicts(dict[str, bool]):
    """Whether a word, as it is written, is what the query's single words ask for."""

    def __init__(self, query: ParsedQuery, *, tolerant: bool) -> None:
        super().__init__()
        terms = [term for term in query.wanted if not term.is_phrase]
        self._beginnings = tuple(term.words[0] for term in terms if term.prefix)
        self._forms = {
            form for term in terms if term.has_forms for form in (term.words[0], *term.forms)
        }
        self._asked = {term.words[0] for term in terms} | self._forms
        self._forgiving = query.forgiving if tolerant else {}

    @property
    def beginning(self) -> str:
        """A pattern of how words begin that may match.

        Stems keep the first letter, typos do not; and what is not ASCII may fold to any.
        """
        if self._forgiving:
            return ""
        letters = sorted({word[0] for word in self._asked})
        return f"[{''.join(letters)}\x80-\U0010ffff]"

    def judge(self, written: Iterable[str]) -> None:
        """Have a verdict of each of these words."""
        new = {each: word_and_forms(each) for each in set(written).difference(self)}
        self.update({each: self._is_asked(*found) for each, found in new.items()})
        if self._forgiving:
            misspelt = self._misspelt([word for each, (word, _) in new.items() if not self[each]])
            self.update({each: True for each, (word, _) in new.items() if word in misspelt})

    def _is_asked(self, word: str, forms: Collection[str]) -> bool:
        return (
            word in self._asked
            or word.startswith(self._beginnings)
            # They share a form.
            or not self._forms.isdisjoint(forms)
        )

    def _misspelt(self, words: Sequence[str]) -> set[str]:
        return {
            near
            for wanted, typos in self._forgiving.items()
            for near in near_words(wanted, words, typos, prefix=wanted in self._beginnings)
        }


def near_words(
    wanted: str, words: Sequence[str], typos: int, *, prefix: bool = False
) -> Iterator[str]:
    """Those that so many edits make of `wanted`; with `prefix`, whose beginning they make of it.

    A swap of neighbours is one edit: the optimal string alignment distance.
    """
    # A letter more or fewer is an edit: who is near by another beginning is not far by this one.
    size, cutoff = (len(wanted), 2 * typos) if prefix else (None, typos)
    likely = process.extract(
        wanted,
        [each[:size] for each in words],
        scorer=OSA.distance,
        score_cutoff=cutoff,
        limit=None,
    )
    lengths = range(len(wanted) - typos, len(wanted) + typos + 1)
    for _, edits, place in likely:
        word = words[place]
        if edits <= typos or any(
            OSA.distance(wanted, word[:length], score_cutoff=typos) <= typos for length in lengths
        ):
            yield word


def _of_phrase(term: Term, found: Sequence[Word]) -> Iterator[Span]:
    *first, last = term.words
    size = len(term.words)
    for place in range(len(found) - size + 1):
        end = found[place + size - 1]
        if not (end.text.startswith(last) if term.prefix else end.text == last):
            continue
        if all(found[place + index].text == word for index, word in enumerate(first)):
            yield from ((word.start, word.end) for word in found[place : place + size])


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
