"""What a glyph says when it is copied: code points for glyphs, and the map back to text."""

from collections.abc import Sequence
from itertools import count

from reportlab.pdfbase import ttfonts

from webox_exporter.documents.typeset.faces import Face

_ENTRIES_A_BLOCK = 100
_FIRST_PRIVATE = 0xF0000
_LAST_PRIVATE = 0x10FFFD
"""Planes 15 and 16 are for private use, so that no text needs these code points."""

_texts: dict[int, str] = {}
_codes: dict[tuple[str, int, str], str] = {}
_free = count(_FIRST_PRIVATE)


def private_code(face: Face, glyph: int, text: str) -> str:
    """A character that prints this glyph of the face, and is copied as `text`.

    Raises:
        OverflowError: all 131,000 are given away.
    """
    key = (face.name, glyph, text)
    if key not in _codes:
        code = next(_free)
        if code > _LAST_PRIVATE:
            raise OverflowError
        _texts[code] = text
        _codes[key] = chr(code)
        _add(face, glyph, code)
    return _codes[key]


def empty_code(face: Face, text: str) -> str:
    """A character that prints nothing, is of no width, and is copied as `text`."""
    code = private_code(face, face.shaper.get_nominal_glyph(_SPACE) or 0, f"{text}{_NO_WIDTH}")
    face.font.face.charWidths[ord(code)] = 0
    _texts[ord(code)] = text
    return code


_SPACE = 0x20
_NO_WIDTH = "\0"
"""Tells an empty glyph from a space that stands for the same text."""


def _add(face: Face, glyph: int, code: int) -> None:
    tables = face.font.face
    tables.charToGlyph[code] = glyph
    tables.charWidths[code] = face.shaper.get_glyph_h_advance(glyph) * 1000 / face.shaper.face.upem


def to_unicode_map(fontname: str, subset: Sequence[int]) -> str:
    """The CMap that makes text selectable: PDF 1.7, 9.10.3 (values in UTF-16BE, 100 a block)."""
    pairs = [
        f"<{code:02X}> <{_texts.get(char, chr(char)).encode('utf-16-be').hex().upper()}>"
        for code, char in enumerate(subset)
        if char
    ]
    blocks = [pairs[at : at + _ENTRIES_A_BLOCK] for at in range(0, len(pairs), _ENTRIES_A_BLOCK)]
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            f"/CIDSystemInfo << /Registry ({fontname}) /Ordering ({fontname}) /Supplement 0 >> def",
            f"/CMapName /{fontname} def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<00> <FF>",
            "endcodespacerange",
            *(line for block in blocks for line in _block(block)),
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        ]
    )


def _block(pairs: list[str]) -> list[str]:
    return [f"{len(pairs)} beginbfchar", *pairs, "endbfchar"]


# reportlab writes code points where the format wants UTF-16, and knows nothing of shaped text.
ttfonts.makeToUnicodeCMap = to_unicode_map
