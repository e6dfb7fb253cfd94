"""Words whose glyphs depend on each other: HarfBuzz says which glyphs, and where they go.

Each glyph gets a code point of its own, with the characters that it stands for, so that reportlab
can embed it and a reader can copy the text. What several glyphs stand for together, or one that is
off its place, is said by `/ActualText` (PDF 1.7, 14.9.4). Right-to-left text is shared out one
character a glyph, since readers differ about the order of several. After an accent at a word's end
comes a right-to-left mark, or poppler would put the accent before the word.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import uharfbuzz

from webox_exporter.documents.typeset.faces import Face
from webox_exporter.documents.typeset.to_unicode import empty_code, private_code


class Glyph(NamedTuple):
    """A glyph's private code point, and how it is moved, in thousandths of the size."""

    char: str
    right: float
    up: float
    after: float
    """What is to be added to the glyph's own width before the next one."""


class Group(NamedTuple):
    """Glyphs that stand for `text` together; it is None where each stands for its own."""

    glyphs: tuple[Glyph, ...]
    text: str | None = None


class Shaped(NamedTuple):
    """A word as it is drawn, from left to right."""

    groups: tuple[Group, ...]
    width: float
    """In thousandths of the size."""


class _Placed(NamedTuple):
    glyph: int
    right: int
    up: int
    advance: int


_RIGHT_TO_LEFT_MARK = "\u200f"
_NOTHING = _Placed(0, 0, 0, 0)
_ON_ITS_PLACE = 1.0
"""Readers sort glyphs by place: one that is moved by this much, in thousandths, needs a text."""


@lru_cache(maxsize=4096)
def shape(face: Face, text: str, *, backwards: bool) -> Shaped:
    """The word's glyphs; `backwards` when it stands in right-to-left text."""
    clusters = _clusters(face, text, backwards=backwards)
    starts = sorted({*clusters, len(text)})
    ends = dict(pairwise(starts))
    scale = 1000 / face.shaper.face.upem
    groups: list[Group] = []
    for start, placed in clusters.items():
        part = text[start : ends[start]]
        if not backwards:
            groups.append(_group(face, part, placed, scale))
        else:
            groups += _shared_groups(face, part, placed, scale)
    if backwards and unicodedata.category(text[-1])[0] == "M":
        groups.insert(0, Group((Glyph(empty_code(face, _RIGHT_TO_LEFT_MARK), 0, 0, 0),)))
    width = sum(each.advance for placed in clusters.values() for each in placed) * scale
    return Shaped(tuple(groups), width)


def _clusters(face: Face, text: str, *, backwards: bool) -> dict[int, list[_Placed]]:
    """Glyphs by where their characters begin in the text; both from left to right."""
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if backwards else "ltr"
    uharfbuzz.shape(face.shaper, buffer)
    clusters: dict[int, list[_Placed]] = {}
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        placed = _Placed(info.codepoint, position.x_offset, position.y_offset, position.x_advance)
        clusters.setdefault(info.cluster, []).append(placed)
    return clusters


def _shared_groups(face: Face, text: str, placed: list[_Placed], scale: float) -> Iterator[Group]:
    """A right-to-left cluster's glyphs, each with the character it stands for."""
    for char, glyphs in reversed(list(_shared_out(text, placed[::-1]))):
        yield _group(face, char, glyphs[::-1], scale)


def _group(face: Face, text: str, placed: list[_Placed], scale: float) -> Group:
    """Between two empty glyphs if need be, which say where the group begins and ends."""
    first = placed[0]
    if len(placed) == 1 and not first.up and abs(first.right) * scale < _ON_ITS_PLACE:
        return Group((_glyph(face, first, text, scale),))
    ordered = [_NOTHING, *placed, _NOTHING]
    glyphs = [_glyph(face, each, "", scale) for each in ordered[1:]]
    return Group((_glyph(face, _NOTHING, text, scale), *glyphs), text)


def _shared_out(text: str, placed: list[_Placed]) -> Iterator[tuple[str, list[_Placed]]]:
    """Each character with its glyphs, in reading order: the first takes those too many."""
    surplus = max(len(placed) - len(text), 0)
    yield text[0], placed[: surplus + 1]
    missing = [_NOTHING] * (len(text) - len(placed))
    for char, each in zip(text[1:], [*placed[surplus + 1 :], *missing], strict=True):
        yield char, [each]


def _glyph(face: Face, placed: _Placed, chars: str, scale: float) -> Glyph:
    if placed is _NOTHING:
        return Glyph(empty_code(face, chars), 0, 0, 0)
    char = private_code(face, placed.glyph, chars)
    right = placed.right * scale
    after = placed.advance * scale - face.widths[char] - right
    return Glyph(char, right, placed.up * scale, after)
