"""Words of a text, folded so that case, accents, width and ligatures make no difference.

The same functions read what is indexed and what is asked for: two analyzers that differ in one
detail find nothing. Scripts written without spaces give a word for each character.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

LONGEST_WORD = 64
"""Longer words are indexed, and looked for, by their first letters."""

# Han, kana, hangul, bopomofo and the scripts of South East Asia: no spaces between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u312f"
    "\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
_JOINERS = "\u00ad\u0640\u200b\u200c\u200d\u2060"
"""Invisible or decorative inside a word: soft hyphen, tatweel, zero width characters."""

# Canonical combining classes of marks that a reader may leave out: overlays, Hebrew points,
# Arabic vowels, and everything below, above and attached. The others (nukta, virama, the
# voicing mark of kana, Thai vowels) make another letter.
_OPTIONAL_CLASSES = frozenset((1, *range(10, 36), *range(200, 241)))
_LETTERS = {
    "œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "þ": "th",
}  # fmt: skip
# Above the basic plane whole blocks will do: hundreds of ranges would make each match slow.
_RARE_SCRIPTS = "\U00010000-\U0001cfff\U0001d400-\U0001d7ff\U0001e000-\U0001efff"
_PLANE_END = 0x10000
# Latin, Greek, Cyrillic, and the signs between words.
_SIMPLE_END = 0x2C00


def _class_of(characters: Iterator[int]) -> str:
    """A character class for `re`, as ranges."""
    ranges: list[list[int]] = []
    for code in characters:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _spaced_word_characters() -> Iterator[int]:
    unspaced = re.compile(f"[{_UNSPACED}]")
    for code in range(0x80, _PLANE_END):
        character = chr(code)
        is_part = character.isalnum() or unicodedata.category(character)[0] == "M"
        if is_part and not unspaced.match(character):
            yield code


def _optional_marks() -> Iterator[int]:
    for code in range(0x300, _PLANE_END):
        if unicodedata.combining(chr(code)) in _OPTIONAL_CLASSES:
            yield code


def _simple_characters() -> Iterator[int]:
    """Those that fold each by itself, to letters of words if they are one, to none if not."""
    word, special = re.compile(f"[{_SPACED}]"), re.compile(f"[{_UNSPACED}{_JOINERS}]")
    for code in range(_SIMPLE_END):
        character = chr(code)
        is_part = word.match(character) is not None
        folded = fold(character)
        keeps = bool(folded) and all((word.match(each) is not None) == is_part for each in folded)
        is_whole = unicodedata.normalize("NFC", character) == character
        is_mark = unicodedata.category(character)[0] == "M"
        if keeps and is_whole and not is_mark and not special.match(character):
            yield code


_SPACED = f"0-9A-Za-z{_class_of(_spaced_word_characters())}{_RARE_SCRIPTS}"
_WORD = re.compile(f"[{_UNSPACED}]|[{_SPACED}]+")
_ASCII_WORD = re.compile("[0-9a-z]+")
_RUN = re.compile(f"[{_SPACED}{_UNSPACED}{_JOINERS}]+")
_DROPPED = re.compile(f"[{_class_of(_optional_marks())}{_JOINERS}]+")
_ODD_LETTER = re.compile(f"[{''.join(_LETTERS)}]")
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")


class Word(NamedTuple):
    """A folded word and where it stands in the text, in code points."""

    text: str
    start: int
    end: int


def fold(text: str) -> str:
    """The text without differences of case, accent, width or ligature; its length may change."""
    if text.isascii():
        return text.lower()
    bare = _DROPPED.sub("", unicodedata.normalize("NFKD", text.casefold()))
    # Composed again: a syllable of hangul or a voiced kana is one character, and so one word.
    # Lower case twice, since compatibility forms decompose to capitals.
    composed = unicodedata.normalize("NFC", bare).casefold()
    return _ODD_LETTER.sub(lambda letter: _LETTERS[letter[0]], composed)


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    pattern = _ASCII_WORD if text.isascii() else _WORD
    return [word[:LONGEST_WORD] for word in pattern.findall(fold(text))]


def written_words(text: str) -> list[str]:
    """The words of a text in lower case, with their accents."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def is_simple(text: str) -> bool:
    """Whether to fold each of its written words gives its words: most texts in spaced scripts."""
    return _NOT_SIMPLE.search(text) is None


def words_with_places(text: str) -> Iterator[Word]:
    """The words of `words`, each with the place in `text` it was folded from."""
    for run in _RUN.finditer(text):
        yield from _words_of_run(run[0], run.start())


def is_unspaced(word: str) -> bool:
    """Whether a word is one character of a script without spaces."""
    return _UNSPACED_CHARACTER.match(word) is not None


def _words_of_run(run: str, offset: int) -> Iterator[Word]:
    folded = fold(run)
    sources = None if len(folded) == len(run) else _sources(run)
    for found in _WORD.finditer(folded):
        start, end = found.span()
        if sources is not None:
            start, end = sources[start][0], sources[end - 1][1]
        yield Word(found[0][:LONGEST_WORD], offset + start, offset + end)


def _sources(run: str) -> list[tuple[int, int]]:
    """For each character of the folded run, the stretch of the run that it came from."""
    starts = [place for place, character in enumerate(run) if place == 0 or not _is_mark(character)]
    sources: list[tuple[int, int]] = []
    for stretch in pairwise([*starts, len(run)]):
        sources.extend([stretch] * len(fold(run[slice(*stretch)])))
    # Folded piece by piece a run may come out shorter than as a whole: the end covers the rest.
    return sources + [(starts[-1], len(run))] * (len(fold(run)) - len(sources))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or character in "\uff9e\uff9f"


_NOT_SIMPLE = re.compile(f"[^{_class_of(_simple_characters())}]")
