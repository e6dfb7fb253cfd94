"""Font files: which there are, in which order they are asked, and how they get into a PDF.

All that come with the install have TrueType outlines and free licences: Noto Sans and Cascadia Mono
from `pymupdf-fonts`, Noto Sans for other scripts, Noto Emoji and Noto Sans Symbols from
`manimgx-fonts` (all SIL Open Font License 1.1), and WenQuanYi Micro Hei from
`paperang-p2-fonts-cjk` (the font itself: Apache License 2.0). A file is read when a character of
its script occurs, and not before.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import import_module, resources
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

import uharfbuzz
from reportlab.pdfbase import pdfmetrics, ttfonts

from webox_exporter.documents.typeset.scripts import BOXES, CJK, EMOJI, NEVER_OBEYED, SYMBOLS

Loader = Callable[[], bytes]


class Face:
    """One font file: its name in the PDF, and the characters it may print. Loaded when asked.

    `shaped`: its letters change with their neighbours. `weight`: for bold text, how thick a line
    is drawn around its glyphs (a share of the size), where the family has no bold of its own.
    """

    def __init__(
        self,
        name: str,
        load: Loader,
        *,
        shaped: bool = False,
        weight: float = 0.0,
    ) -> None:
        self.name = name
        self.shaped = shaped
        self.weight = weight
        self._load = load

    @cached_property
    def _bytes(self) -> bytes:
        return self._load()

    @cached_property
    def characters(self) -> frozenset[str]:
        """Every character that this face may print."""
        controls = {*range(0x20), *range(0x7F, 0xA0)}
        return frozenset(map(chr, set(self.shaper.face.unicodes) - controls)) - NEVER_OBEYED

    @cached_property
    def shaper(self) -> uharfbuzz.Font:
        """The font as HarfBuzz has it; its measures are in the font's own units."""
        return uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob(self._bytes)))

    @cached_property
    def font(self) -> ttfonts.TTFont:
        """The font as reportlab embeds it, registered under its name."""
        font = ttfonts.TTFont(self.name, BytesIO(self._bytes))
        font.face.name = self.name.encode()  # two files may give themselves the same name
        pdfmetrics.registerFont(font)
        return font

    @cached_property
    def widths(self) -> "_Widths":
        """The width of each character, in thousandths of the size."""
        return _Widths(self.font.face)

    def width(self, text: str, size: float) -> float:
        """How wide the text is, set glyph by glyph."""
        return sum(map(self.widths.__getitem__, text)) * size * 0.001


class _Widths(dict[str, float]):
    def __init__(self, face: ttfonts.TTFontFace) -> None:
        super().__init__()
        self._face: Any = face

    def __missing__(self, char: str) -> float:
        code = 0x20 if char == "\N{NO-BREAK SPACE}" else ord(char)
        width: float = self._face.getCharWidth(code)
        self[char] = width
        return width


def _bundled(style: str) -> Face:
    """A face of `pymupdf-fonts`, where each is a module with the file in `fontbuffer`."""

    def load() -> bytes:
        file: bytes = import_module(f"pymupdf_fonts.{style}").fontbuffer
        return file

    return Face(style.replace("_", "-"), load)


def _noto(family: str, *, shaped: bool = True, weight: float = 0.03) -> Face:
    """A face of `manimgx-fonts`: variable fonts, of which a PDF takes the default weight."""

    def load() -> bytes:
        return (resources.files("manimgx_fonts") / f"{family}[wght].ttf").read_bytes()

    return Face(family, load, shaped=shaped, weight=weight)


def _micro_hei() -> Face:
    def load() -> bytes:
        folder = resources.files("paperang_p2_fonts_cjk")
        return (folder / "fonts" / "wqy-microhei.ttc").read_bytes()

    return Face("WenQuanYiMicroHei", load, weight=0.03)


def from_file(path: Path) -> Face:
    """A font that somebody else installed; of a collection, the first."""
    name = "".join(char for char in path.stem if char.isascii() and char.isalnum())
    return Face(f"{name}-{crc32(bytes(path)):08x}", path.read_bytes, shaped=True, weight=0.03)


MONO = {
    False: _bundled("CascadiaMono_Regular"),
    True: _bundled("CascadiaMono_Bold"),
}
SANS = {
    (False, False): _bundled("NotoSans_Regular"),
    (True, False): _bundled("NotoSans_Bold"),
    (False, True): _bundled("NotoSans_Italic"),
    (True, True): _bundled("NotoSans_BoldItalic"),
}
_OWN_FAMILY = (
    "Armenian", "Hebrew", "Arabic", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya",
    "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Myanmar", "Georgian",
    "Ethiopic", "Khmer",
)  # fmt: skip
SCRIPT_FACES: dict[str, Face] = {
    **{script: _noto(f"NotoSans{script}") for script in _OWN_FAMILY},
    CJK: _micro_hei(),
    SYMBOLS: _noto("NotoSansSymbols", shaped=False),
    EMOJI: _noto("NotoEmoji", weight=0.0),
    BOXES: MONO[False],
}


def first_choices(*, bold: bool, italic: bool, code: bool) -> Sequence[Face]:
    """The faces asked first, whatever the script is."""
    if code:
        return (MONO[bold], SANS[bold, False])
    return (SANS[bold, italic],)


LAST_CHOICES = tuple(SCRIPT_FACES[script] for script in (BOXES, SYMBOLS, EMOJI, CJK))
"""Asked in turn for what neither the first choice nor the script's own face has."""
