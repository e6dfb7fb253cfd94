"""Font files: which there are, in which order they are asked, and how they get into a PDF.

All are TrueType outlines under the SIL Open Font License, from the packages `pymupdf-fonts`
(Noto Sans, FiraGO, Cascadia Mono) and `manimgx-fonts` (Noto Emoji, Noto Sans Symbols).
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module, resources
from io import BytesIO

from reportlab.pdfbase import pdfmetrics, ttfonts

_ENTRIES_A_BLOCK = 100
_NEED_SHAPING = (
    range(0x0590, 0x0E00),  # Hebrew, Arabic and their neighbours; the Indic scripts
    range(0xFB1D, 0xFE00),  # presentation forms
    range(0xFE70, 0xFEFD),
)
"""Scripts that come out wrong when their glyphs are set one after another, left to right."""

Loader = Callable[[], bytes]


class Face:
    """One font file: its name in the PDF and the characters it may print. Loaded when asked."""

    def __init__(self, name: str, load: Loader) -> None:
        self.name = name
        self._load = load

    @property
    def characters(self) -> frozenset[str]:
        """Every character that this face may print."""
        return _register(self)

    def read(self) -> bytes:
        return self._load()


@cache
def _register(face: Face) -> frozenset[str]:
    """Make the face known to reportlab under its name; returns its characters."""
    font = ttfonts.TTFont(face.name, BytesIO(face.read()))
    pdfmetrics.registerFont(font)
    codes = set(font.face.charToGlyph)
    codes.difference_update(range(0x20), *_NEED_SHAPING)
    return frozenset(map(chr, codes))


def _bundled(style: str) -> Face:
    """A face of `pymupdf-fonts`, where each is a module with the file in `fontbuffer`."""

    def load() -> bytes:
        file: bytes = import_module(f"pymupdf_fonts.{style}").fontbuffer
        return file

    return Face(style.replace("_", "-"), load)


def _noto(family: str) -> Face:
    """A face of `manimgx-fonts`: variable fonts, of which a PDF takes the default weight."""

    def load() -> bytes:
        return (resources.files("manimgx_fonts") / f"{family}[wght].ttf").read_bytes()

    return Face(family, load)


_FALLBACKS = (_noto("NotoEmoji"), _noto("NotoSansSymbols"))
_MONO = {
    (False, False): _bundled("CascadiaMono_Regular"),
    (True, False): _bundled("CascadiaMono_Bold"),
}
_SANS = {
    (False, False): _bundled("NotoSans_Regular"),
    (True, False): _bundled("NotoSans_Bold"),
    (False, True): _bundled("NotoSans_Italic"),
    (True, True): _bundled("NotoSans_BoldItalic"),
}
_WIDER = {False: _bundled("FiraGO_Regular"), True: _bundled("FiraGO_Bold")}


def sans_faces(*, bold: bool, italic: bool) -> Sequence[Face]:
    """The faces of running text, the first choice first."""
    return (_SANS[bold, italic], _WIDER[bold], _MONO[bold, False], *_FALLBACKS)


def mono_faces(*, bold: bool) -> Sequence[Face]:
    """The faces of code, the first choice first."""
    return (_MONO[bold, False], _SANS[bold, False], _WIDER[bold], *_FALLBACKS)


def to_unicode_map(fontname: str, subset: Sequence[int]) -> str:
    """The CMap that makes text selectable: PDF 1.7, 9.10.3 (values in UTF-16BE, 100 a block)."""
    pairs = [
        f"<{code:02X}> <{chr(char).encode('utf-16-be').hex().upper()}>"
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


# reportlab writes code points where the format wants UTF-16, so copied emoji come out wrong.
ttfonts.makeToUnicodeCMap = to_unicode_map
