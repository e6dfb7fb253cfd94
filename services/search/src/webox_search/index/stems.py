"""Other forms that a word is found by: its French and English stems, the parts of a camelCase one.

Nobody says which language a text is in, so that each word has the stems of both.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import NamedTuple

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from webox_search.index.words import LONGEST_WORD, fold, is_simple, words, written_words

_SHORTEST, _LONGEST = 4, 30
_REMEMBERED = 100_000
"""Distinct words that are kept, 300 bytes each: most of what is written is written with fewer."""

_HUMP = re.compile("[a-z][A-Z]")
_IDENTIFIER = re.compile("[A-Za-z0-9]+")
_PART = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _stemmer(language: str) -> TextAnalyzer:
    """Snowball's, https://snowballstem.org/algorithms, as tantivy brings it."""
    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer(language)).build()


_FRENCH, _ENGLISH = _stemmer("french"), _stemmer("english")


def words_and_forms(text: str) -> tuple[list[str], str]:
    """The words of a text, and by what else it is found, with spaces between."""
    written = written_words(text)
    if not written:
        return [], ""
    found, _, forms = zip(*map(_KNOWN.__getitem__, written), strict=True)
    parts = parts_of_identifiers(text)
    return list(found) if is_simple(text) else words(text), " ".join([*parts, *filter(None, forms)])


def stems(written: str) -> tuple[str, ...]:
    """The stems of a word in lower case, folded; without the word itself, and none of numbers."""
    return _KNOWN[written].stems


def word_and_forms(written: str) -> tuple[str, Collection[str]]:
    """One word as it stands in a text: folded, and by what else it is found."""
    if (known := _KNOWN.get(written)) is not None:
        return known.word, known.stems
    if _HUMP.search(written):
        composed = unicodedata.normalize("NFC", written)
        known = _KNOWN[composed.casefold()]
        return known.word, {*known.stems, *parts_of_identifiers(composed)}
    known = _KNOWN[unicodedata.normalize("NFC", written).casefold()]
    return known.word, known.stems


def aligned_lower(text: str) -> str | None:
    """A simple text in lower case, if each of its words stands where it stands in the text.

    None also where the case of letters matters, in identifiers.
    """
    lower = text.casefold()
    is_aligned = len(lower) == len(text) and is_simple(text) and not _HUMP.search(text)
    return lower if is_aligned else None


def parts_of_identifiers(text: str) -> Iterator[str]:
    """`parse`, `http` and `response` of parseHTTPResponse."""
    if not _HUMP.search(text):
        return
    for identifier in _IDENTIFIER.findall(text):
        if _HUMP.search(identifier):
            yield from (part.lower() for part in _PART.findall(identifier) if len(part) > 1)


def _french_forms(written: str, word: str) -> Iterator[str]:
    for form in {written, word}:
        yield form
        # Snowball leaves -ent alone, since many nouns end so; that of verbs is a plural.
        if form.endswith("ent") and not form.endswith("ment"):
            yield form[:-2]


def _stem(stemmer: TextAnalyzer, word: str) -> str:
    (stem,) = stemmer.analyze(word)
    return fold(stem)


def _stems(written: str, word: str) -> tuple[str, ...]:
    """The French one depends on accents, which not everybody types: with and without."""
    if not (_SHORTEST <= len(word) <= _LONGEST and word.isascii() and word.isalpha()):
        return ()
    found = {_stem(_FRENCH, form) for form in _french_forms(written, word)}
    found.add(_stem(_ENGLISH, word))
    return tuple(found - {word, ""})


class _Known(NamedTuple):
    word: str
    stems: tuple[str, ...]
    joined: str
    """The stems once more, with a space between: nearly all that is asked for."""


class _Remembered(dict[str, _Known]):
    """Of a written word what it folds to, and its stems: each is made once."""

    def __missing__(self, written: str) -> _Known:
        word = fold(written)[:LONGEST_WORD]
        found = _stems(written, word)
        known = _Known(word, found, " ".join(found))
        if len(self) >= _REMEMBERED:
            self.clear()
        if len(written) <= LONGEST_WORD:
            self[written] = known
        return known


_KNOWN = _Remembered()
