"""What a person typed, read as words, quoted phrases and words they do not want.

Everything else that an engine would take for syntax is just text.
"""

import re
from dataclasses import dataclass, field, replace

from webox_search.index.stems import stems
from webox_search.index.words import is_unspaced, words

TYPO_WORDS_AT_MOST = 8
"""Typos are looked for in the first words only: each costs a walk over the whole vocabulary."""
_ONE_TYPO_FROM, _TWO_TYPOS_FROM = 5, 9
_SHORTEST_PREFIX = 2

_QUOTED = re.compile(r'(?<!\S)(-?)["“«]([^"“”«»]+)["”»]')
_CHUNK = re.compile(r"\S+")
_MINUS = re.compile(r"-(?=[^\W_])")
# "l'étudiant" finds a text that says "étudiant"; so do d', j', qu' and the others.
_ELISION = re.compile(r"(?<!\w)(?:[cdjlmnst]|(?:jus|lors|puis)?qu)['\u2019](?=\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to find: a word, or words that stand side by side.

    `prefix`: the last word may be the beginning of a longer one. `quoted`: as it is, without
    typos and other forms. `written`: as typed, for its stems; None to leave other forms out.
    """

    words: tuple[str, ...]
    prefix: bool = False
    quoted: bool = False
    written: str | None = field(default=None, compare=False)

    @property
    def is_phrase(self) -> bool:
        return len(self.words) > 1

    @property
    def has_forms(self) -> bool:
        """Whether other forms of the word will do as well: no phrase, no quotes, Latin letters."""
        return self.written is not None and not self.quoted and self.words[0].isascii()

    @property
    def forms(self) -> tuple[str, ...]:
        """The other forms."""
        return stems(self.written) if self.has_forms and self.written else ()


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """All of `wanted` has to be found in a document, and none of `unwanted`."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...]

    def tolerant(self) -> "ParsedQuery":
        """The same with compounds taken apart, so that each of their words may have its typo."""
        apart = [part for term in self.wanted for part in _taken_apart(term)]
        return ParsedQuery(tuple(apart), self.unwanted)

    def without_forms(self) -> "ParsedQuery":
        """The same for an index that knows words only as they are typed."""
        return ParsedQuery(
            tuple(replace(term, written=None) for term in self.wanted), self.unwanted
        )

    @property
    def has_tolerance(self) -> bool:
        """Whether forgiving typos could find more."""
        apart = self.tolerant()
        return bool(apart.forgiving) or apart != self

    @property
    def forgiving(self) -> dict[str, int]:
        """The words that may have typos, and how many."""
        forgiven = {
            term.words[0]: typos_allowed(term.words[0])
            for term in self.wanted
            if not term.is_phrase and not term.quoted and typos_allowed(term.words[0])
        }
        return dict(list(forgiven.items())[:TYPO_WORDS_AT_MOST])


def typos_allowed(word: str) -> int:
    """0 under 5 letters and in numbers, 1 to 8, 2 from 9."""
    if len(word) < _ONE_TYPO_FROM or any(character.isdigit() for character in word):
        return 0
    return 1 if len(word) < _TWO_TYPOS_FROM else 2


def parse(text: str) -> ParsedQuery:
    """Read a query; one without any word has nothing wanted and finds nothing."""
    wanted: list[Term] = []
    unwanted: list[Term] = []
    place = 0
    for quoted in _QUOTED.finditer(text):
        _read_chunks(text[place : quoted.start()], wanted, unwanted)
        _add(unwanted if quoted[1] else wanted, quoted[2], quoted=True)
        place = quoted.end()
    _read_chunks(text[place:], wanted, unwanted)
    if wanted and not wanted[-1].quoted and text[place:].strip():
        wanted[-1] = _as_prefix(wanted[-1])
    return ParsedQuery(tuple(wanted), tuple(unwanted))


def _read_chunks(text: str, wanted: list[Term], unwanted: list[Term]) -> None:
    for chunk in _CHUNK.findall(text):
        minus = _MINUS.match(chunk)
        _add(unwanted if minus else wanted, _ELISION.sub("", chunk), quoted=False)


def _add(terms: list[Term], text: str, *, quoted: bool) -> None:
    found = tuple(words(text))
    if found:
        written = text.casefold() if len(found) == 1 else None
        terms.append(Term(found, quoted=quoted, written=written))


def _as_prefix(term: Term) -> Term:
    last = term.words[-1]
    if len(last) < _SHORTEST_PREFIX or is_unspaced(last):
        return term
    return replace(term, prefix=True)


def _taken_apart(term: Term) -> list[Term]:
    if term.quoted or not term.is_phrase or any(is_unspaced(word) for word in term.words):
        return [term]
    *first, last = term.words
    return [
        *(Term((word,), written=word) for word in first),
        Term((last,), prefix=term.prefix, written=last),
    ]
