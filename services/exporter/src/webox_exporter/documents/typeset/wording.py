"""Text cut into what a line can be filled with: words, spaces, single ideographs, boxes."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import NamedTuple

from reportlab.lib.colors import Color

from webox_exporter.documents.typeset import direction
from webox_exporter.documents.typeset.chains import FontChain, is_western, sans
from webox_exporter.documents.typeset.faces import SCRIPT_FACES, Face
from webox_exporter.documents.typeset.scripts import (
    ACCENTS,
    CJK,
    CLOSING,
    IGNORABLE,
    NEVER_OBEYED,
    OPENING,
    SMALL_KANA,
    VOWELS_FIRST,
)
from webox_exporter.documents.typeset.shaping import Shaped, shape

_LONGEST_PIECE = 40
"""Longer words are cut into pieces of this many characters; a line ends between them if it must."""
_LETTERS = rf"[^ \t\u200b]{{0,{_LONGEST_PIECE - 1}}}\u200b|[^ \t\u200b]{{1,{_LONGEST_PIECE}}}"
_WORDS = re.compile(rf"[ \t]{{1,{_LONGEST_PIECE}}}|{_LETTERS}")
_WORDS_WITH_SPACE = re.compile(rf"[ \t]{{1,{_LONGEST_PIECE}}}|(?:{_LETTERS}) {{0,3}}")
ENDING = " \u3000\N{ZERO WIDTH SPACE}"
_KNOWN_AT_MOST = 12_000
_ANY = re.compile(r".{1,100}", re.DOTALL)
_IDEOGRAPHS = re.compile(rf"\s+|[{OPENING}]*[^\s][{CLOSING}{SMALL_KANA}]*")
_THAI = re.compile(rf"\s+|[{VOWELS_FIRST}]?[^\s{VOWELS_FIRST}]{{1,40}}|[^\s]")
"""Thai and Lao put no spaces between words; a vowel that is written first begins a syllable."""
_NEEDS_SHAPING = re.compile(f"[{ACCENTS}{IGNORABLE}]")
_SYLLABIC = frozenset(SCRIPT_FACES[script] for script in ("Thai", "Lao"))
_IDEOGRAPHIC = SCRIPT_FACES[CJK]
_EMPTY = str.maketrans(dict.fromkeys(NEVER_OBEYED, "\N{OBJECT REPLACEMENT CHARACTER}"))


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How words look, whatever their face."""

    chain: FontChain
    size: float
    colour: Color
    bold: bool = False
    ground: Color | None = None
    link: str | None = None
    struck: bool = False
    verbatim: bool = False
    """Whether a line may end anywhere, and spaces count."""
    known: dict[tuple[Face, int], "_Known"] = field(default_factory=dict, repr=False)
    """Words that were measured already: most come again and again."""

    ink: str = field(default="", init=False)
    """The colour as the operands of a PDF operator."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ink", operands(self.colour))

    @property
    def is_decorated(self) -> bool:
        """Whether more than its letters is drawn."""
        return self.ground is not None or self.link is not None or self.struck


def operands(colour: Color) -> str:
    """Red, green and blue, from 0 to 1."""
    return f"{colour.red:.3f} {colour.green:.3f} {colour.blue:.3f}"


@cache
def furniture(size: float, colour: Color, *, bold: bool = False) -> Look:
    """How labels, running titles and the like look."""
    return Look(sans(bold=bold), size, colour, bold=bold)


class Word(NamedTuple):
    """What is not cut unless it is wider than a whole line."""

    text: str
    face: Face
    look: Look
    width: float
    bare: float
    """The width without the spaces after it, which hang over the margin at a line's end."""
    is_space: bool = False
    may_end: bool = False
    """Whether a line may end after it."""
    shaped: Shaped | None = None
    level: int = 0
    missing: bool = False


def words_of(parts: Iterable[tuple[str, Look]]) -> list[Word]:
    """The words of one line of text, whose parts look different."""
    parts = list(parts)
    text = "".join(part for part, _ in parts)
    if not is_western(text) and direction.has_right_to_left(text):
        return _in_both_directions(text, parts)
    found: list[Word] = []
    for part, look in parts:
        _add_words(found, part, look, 0)
    return found


def _in_both_directions(text: str, parts: list[tuple[str, Look]]) -> list[Word]:
    levels = direction.levels_of(text.translate(_EMPTY))
    found: list[Word] = []
    at = 0
    for part, look in parts:
        for start, end in _even(levels, at, at + len(part)):
            _add_words(found, part[start - at : end - at], look, levels[start])
        at += len(part)
    return found


def _even(levels: list[int], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Stretches of one level each."""
    start = first
    for at in range(first + 1, last + 1):
        if at == last or levels[at] != levels[start]:
            yield start, at
            start = at


def _add_words(found: list[Word], text: str, look: Look, level: int) -> None:
    for run in look.chain.runs(text):
        if run.missing:
            found += [_box(char, run.face, look, level) for char in run.text]
        elif look.verbatim:
            found += [_verbatim(piece, run.face, look, level) for piece in _ANY.findall(run.text)]
        else:
            known = _known(run.face, look, level)
            found += map(known.__getitem__, known.pattern.findall(run.text))


def _known(face: Face, look: Look, level: int) -> "_Known":
    known = look.known.get((face, level))
    if known is None:
        known = look.known[face, level] = _Known(face, look, level)
    return known


def _box(char: str, face: Face, look: Look, level: int) -> Word:
    text = f"U+{ord(char):04X}"
    width = face.width(text, look.size * BOX_SIZE) + look.size * 0.4
    return Word(text, face, look, width, width, level=level, may_end=True, missing=True)


BOX_SIZE = 0.7
"""The size of a code in its box, as a share of the text's."""


class _Known(dict[str, Word]):
    """Words of one face, look and level, by their text."""

    def __init__(self, face: Face, look: Look, level: int) -> None:
        super().__init__()
        self.pattern = _pattern(face, level)
        self._ends = self.pattern in {_THAI, _IDEOGRAPHS}
        self._face, self._look, self._level = face, look, level

    def __missing__(self, text: str) -> Word:
        if len(self) >= _KNOWN_AT_MOST:
            self.clear()
        word = _word(text, self._face, self._look, self._level, ends=self._ends)
        self[text] = word
        return word


def _verbatim(text: str, face: Face, look: Look, level: int) -> Word:
    word = _word(text, face, look, level, ends=False)
    return word._replace(is_space=False, may_end=False)


def _pattern(face: Face, level: int) -> re.Pattern[str]:
    """How a run of this face is cut; shaped words come without the spaces after them."""
    if face is _IDEOGRAPHIC:
        return _IDEOGRAPHS
    if face in _SYLLABIC:
        return _THAI
    return _WORDS if face.shaped or level % 2 else _WORDS_WITH_SPACE


def _word(text: str, face: Face, look: Look, level: int, *, ends: bool) -> Word:
    text = text.replace("\t", " ")
    space = text.isspace()
    ends = ends or text[-1] in ENDING
    shaped = _shaped(text, face, level) if _depends(text, face, level) else None
    width = shaped.width * look.size * 0.001 if shaped else face.width(text, look.size)
    spaces = len(text) - len(text.rstrip(" "))
    bare = width - face.width(" " * spaces, look.size)
    return Word(text, face, look, width, bare, space, ends, shaped, level)


def without_space(word: Word) -> Word:
    """The word without the spaces after it, for a line's end."""
    if word.bare == word.width:
        return word
    return _known(word.face, word.look, word.level)[word.text.rstrip(" ")]


def _depends(text: str, face: Face, level: int) -> bool:
    """Whether the glyphs depend on each other, or on the direction."""
    if level % 2 and not text.isspace():
        return True
    if face.shaped:
        return len(text) > 1 or not text.isspace()
    return not text.isascii() and _NEEDS_SHAPING.search(text) is not None


def _shaped(text: str, face: Face, level: int) -> Shaped | None:
    try:
        return shape(face, text, backwards=bool(level % 2))
    except OverflowError:
        return None


def cut(word: Word, room: float) -> tuple[Word, Word | None]:
    """The longest beginning that fits in `room`, of one character at least, and the rest."""
    if word.missing or len(word.text) == 1:
        return word, None
    low, high = 1, len(word.text) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _again(word, word.text[:middle]).width <= room:
            low = middle
        else:
            high = middle - 1
    low = _between_clusters(word, low)
    rest = word.text[low:]
    return _again(word, word.text[:low]), _again(word, rest) if rest else None


def _again(word: Word, text: str) -> Word:
    if word.look.verbatim:
        return _verbatim(text, word.face, word.look, word.level)
    return _word(text, word.face, word.look, word.level, ends=False)


def _between_clusters(word: Word, at: int) -> int:
    """The next place, backwards and then forwards, where no accent or joiner is cut off."""
    if word.shaped is None:
        return at
    for place in chain(range(at, 0, -1), range(at + 1, len(word.text))):
        if not _continues(word.text[place], word.text[place - 1]):
            return place
    return len(word.text)


def _continues(char: str, before: str) -> bool:
    return (
        unicodedata.category(char)[0] == "M"
        or _NEEDS_SHAPING.match(char) is not None
        or before == "\u200d"
    )


def may_not_begin_a_line(char: str) -> bool:
    """Whether the mark has to stay with what stands before it."""
    return char in CLOSING
