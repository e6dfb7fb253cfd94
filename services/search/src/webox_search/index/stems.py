"""Other forms that a word is found by: its French and English stems, the parts of a camelCase one.

Nobody says which language a text is in, so that each word has the stems of both.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from webox_search.index.words import fold, written_words

_SHORTEST, _LONGEST = 4, 30
_REMEMBERED = 30_000
"""Distinct words whose stems are kept: most of what is written is written with fewer."""

_HUMP = re.compile("[a-z][A-Z]")
_IDENTIFIER = re.compile("[A-Za-z0-9]+")
_PART = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _stemmer(language: str) -> TextAnalyzer:
    """Snowball's, https://snowballstem.org/algorithms, as tantivy brings it."""
    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer(language)).build()


_FRENCH, _ENGLISH = _stemmer("french"), _stemmer("english")


@lru_cache(_REMEMBERED)
def stems(written: str) -> frozenset[str]:
    """The stems of a word in lower case, folded; without the word itself, and none of numbers.

    The French one depends on accents, which not everybody types: it is made with and without.
    """
    word = fold(written)
    if not (_SHORTEST <= len(word) <= _LONGEST and word.isascii() and word.isalpha()):
        return frozenset()
    found = {_stem(_FRENCH, form) for form in _french_forms(written, word)}
    found.add(_stem(_ENGLISH, word))
    return frozenset(found - {word, ""})


def forms(text: str) -> set[str]:
    """By what else the words of a text are found, and by nothing that is itself a word of it."""
    written = written_words(text)
    found: set[str] = set(parts_of_identifiers(text))
    for word in written:
        if len(word) <= _LONGEST:
            found |= stems(word)
    return found.difference(written)


def forms_of_word(word: str) -> set[str]:
    """Those of one word, as it stands in a text."""
    composed = unicodedata.normalize("NFC", word[: _LONGEST + 1])
    return {*stems(composed.casefold()), *parts_of_identifiers(word)}


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
