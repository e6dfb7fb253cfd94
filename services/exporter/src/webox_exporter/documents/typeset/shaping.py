"""Words whose glyphs depend on each other: HarfBuzz says which glyphs, and where they go.

Each glyph gets a code point of its own, with the characters that it stands for, so that reportlab
can embed it and a reader can copy the text. Copying works glyph by glyph: the characters of
a cluster are shared out over its glyphs in reading order, one each. Where there are more glyphs
than characters, `/ActualText` (PDF 1.7, 14.9.4) says what they stand for together; where there are
fewer, right-to-left text gets empty glyphs, since readers differ about the order of several
characters on one glyph.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import uharfbuzz

from webox_exporter.documents.typeset.faces import Face
from webox_exporter.documents.typeset.to_unicode import private_code


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


@lru_cache(maxsize=4096)
def shape(face: Face, text: str, *, backwards: bool) -> Shaped:
    """The word's glyphs; `backwards` when it stands in right-to-left text."""
    clusters = _clusters(face, text, backwards=backwards)
    starts = sorted({*clusters, len(text)})
    ends = dict(zip(starts, starts[1:], strict=False))
    scale = 1000 / face.shaper.face.upem
    groups = [
        group
        for start, placed in clusters.items()
        for group in _groups(face, text[start : ends[start]], placed, scale, backwards=backwards)
    ]
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


def _groups(
    face: Face, text: str, placed: list[_Placed], scale: float, *, backwards: bool
) -> Iterator[Group]:
    """The cluster's glyphs, each with the characters it stands for."""
    shared = list(_shared_out(text, placed[::-1] if backwards else placed, empty=backwards))
    for chars, glyphs in shared[::-1] if backwards else shared:
        ordered = glyphs[::-1] if backwards else glyphs
        drawn = tuple(
            _glyph(face, each, chars if not number else "", scale)
            for number, each in enumerate(ordered)
        )
        yield Group(drawn, chars if len(drawn) > 1 else None)


def _shared_out(
    text: str, placed: list[_Placed], *, empty: bool
) -> Iterator[tuple[str, list[_Placed]]]:
    """Characters and glyphs in reading order: the first takes the glyphs that are too many."""
    surplus = max(len(placed) - len(text), 0)
    yield text[: 1 if empty or len(placed) > 1 else None], placed[: surplus + 1]
    rest, glyphs = text[1:], placed[surplus + 1 :]
    if empty:
        glyphs = glyphs + [_Placed(0, 0, 0, 0)] * (len(rest) - len(glyphs))
    for number, each in enumerate(glyphs):
        yield rest[number : None if number == len(glyphs) - 1 else number + 1], [each]


def _glyph(face: Face, placed: _Placed, chars: str, scale: float) -> Glyph:
    glyph = placed.glyph or _empty_glyph(face)
    char = private_code(face, glyph, chars)
    right = placed.right * scale
    after = placed.advance * scale - face.widths[char] - right
    return Glyph(char, right, placed.up * scale, after)


@lru_cache(maxsize=256)
def _empty_glyph(face: Face) -> int:
    return int(face.shaper.get_nominal_glyph(0x20) or 0)
