"""Drawing lines of words on reportlab's canvas, as PDF text operators (PDF 1.7, 9.4).

The one place that goes below reportlab's public calls: shaped words need their glyphs placed one
by one, and text set word by word through the public calls takes twice the time.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from webox_exporter.documents.parsing import is_safe_link
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.encoding import Encoding
from webox_exporter.documents.typeset.faces import Face
from webox_exporter.documents.typeset.lines import Line, visual, width_of
from webox_exporter.documents.typeset.shaping import Glyph, Group
from webox_exporter.documents.typeset.wording import BOX_SIZE, Look, Word, operands

_UNDERLINE, _STRIKE = -0.12, 0.27
"""Where lines go, as shares of the size above the baseline."""


class Pen:
    """Writes on the page under way."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._raw: Any = canvas  # what is below its public calls
        self._font: tuple[str, float] | None = None
        self._ink = ""
        self._encodings: dict[Face, Encoding] = {}

    def rectangle(
        self, x: float, y: float, width: float, height: float, colour: Color, radius: float = 0
    ) -> None:
        """A filled rectangle, its lower left corner at (x, y)."""
        shape = _rounded(x, y, width, height, radius) if radius else [
            f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} re"
        ]  # fmt: skip
        self._raw._code.extend([f"{operands(colour)} rg", *shape, "f"])  # noqa: SLF001 - see the module

    def lines(self, lines: Iterable[tuple[float, float, Line]]) -> None:
        """Lines of words, each with the x of its left end and the y of its baseline."""
        shown = [(x, y, list(_runs(visual(line)))) for x, y, line in lines if line]
        decorated = [entry for entry in shown if any(map(_is_decorated, entry[2]))]
        for x, y, runs in decorated:
            self._grounds(x, y, runs)
        code = ["BT"]
        self._font, self._ink = None, ""
        for x, y, runs in shown:
            code.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm")
            for words in runs:
                self._words(code, words)
        code.append("ET")
        if shown:
            self._raw._code.extend(code)  # noqa: SLF001 - see the module
        for x, y, runs in decorated:
            self._rules(x, y, runs)

    def line(self, x: float, y: float, words: Line) -> float:
        """One line; returns where it ends."""
        self.lines([(x, y, words)])
        return x + width_of(words)

    def _words(self, code: list[str], words: list[Word]) -> None:
        """Words of one face and look: drawn together unless their glyphs are placed singly."""
        first = words[0]
        if first.look.ink != self._ink:
            self._ink = first.look.ink
            code.append(f"{self._ink} rg")
        heavy = first.face.weight if first.look.bold else 0
        if heavy:
            code.append(f"2 Tr {first.look.size * heavy:.2f} w {self._ink} RG")
        if first.missing:
            for word in words:
                self._box(code, word)
        elif first.shaped:
            for word in words:
                self._glyphs(code, word)
        else:
            text = "".join(word.text for word in words)
            self._show(code, first.face, text, first.look.size)
        if heavy:
            code.append("0 Tr")

    def _show(self, code: list[str], face: Face, text: str, size: float) -> None:
        for name, characters in self._encoded(face, text):
            self._set_font(code, name, size)
            code.append(f"({characters}) Tj")

    def _encoded(self, face: Face, text: str) -> list[tuple[str, str]]:
        encoding = self._encodings.get(face)
        if encoding is None:
            encoding = self._encodings[face] = Encoding(self._raw, face)
        return encoding.encoded(text)

    def _set_font(self, code: list[str], name: str, size: float) -> None:
        if self._font != (name, size):
            self._font = (name, size)
            code.append(f"{name} {size:g} Tf")

    def _glyphs(self, code: list[str], word: Word) -> None:
        assert word.shaped is not None  # noqa: S101 - why this is called
        for group in word.shaped.groups:
            if group.text is not None:
                text = group.text.encode("utf-16-be").hex().upper()
                code.append(f"/Span <</ActualText <FEFF{text}>>> BDC")
            self._group(code, group, word)
            if group.text is not None:
                code.append("EMC")

    def _group(self, code: list[str], group: Group, word: Word) -> None:
        for glyph in group.glyphs:
            ((name, char),) = self._encoded(word.face, glyph.char)
            self._set_font(code, name, word.look.size)
            code.extend(_placed(glyph, char, word.look.size))

    def _box(self, code: list[str], word: Word) -> None:
        """The code of a character that no font has; its ground is drawn already."""
        gap = word.look.size * 0.2 / (word.look.size * BOX_SIZE) * 1000
        for name, chars in self._encoded(word.face, word.text):
            self._set_font(code, name, word.look.size * BOX_SIZE)
            code.append(f"[{-gap:.0f} ({chars}) {-gap:.0f}] TJ")

    def _grounds(self, x: float, y: float, runs: list[Line]) -> None:
        for words in runs:
            width, size = width_of(words), words[0].look.size
            ground = palette.MISSING_PAPER if words[0].missing else words[0].look.ground
            if ground is not None:
                self.rectangle(x - 0.8, y - size * 0.26, width + 1.6, size * 1.22, ground, 2)
            x += width

    def _rules(self, x: float, y: float, runs: list[Line]) -> None:
        for words in runs:
            width, look = width_of(words), words[0].look
            if look.link is not None and is_safe_link(look.link):
                self._rule(x, y + look.size * _UNDERLINE, width, look)
                area = (x, y - look.size * 0.25, x + width, y + look.size * 0.8)
                self.canvas.linkURL(look.link, area, relative=0, thickness=0)
            if look.struck:
                self._rule(x, y + look.size * _STRIKE, width, look)
            x += width

    def _rule(self, x: float, y: float, width: float, look: Look) -> None:
        self.rectangle(x, y, width, look.size * 0.05, look.colour)


def _runs(line: Line) -> Iterator[Line]:
    """Neighbours that are drawn in the same way."""
    start, first = 0, line[0]
    for at, word in enumerate(line):
        same = word.look is first.look and word.face is first.face
        if not (
            same
            and word.missing is first.missing
            and (word.shaped is None) is (first.shaped is None)
        ):
            yield line[start:at]
            start, first = at, word
    yield line[start:]


def _is_decorated(words: Line) -> bool:
    return words[0].missing or words[0].look.is_decorated


def _placed(glyph: Glyph, char: str, size: float) -> Iterator[str]:
    """One glyph moved to its place: TJ moves against the reading direction, Ts up."""
    if glyph.up:
        yield f"{glyph.up * size * 0.001:.2f} Ts"
    before = f"{-glyph.right:.0f} " if abs(glyph.right) >= 1 else ""
    after = f" {-glyph.after:.0f}" if abs(glyph.after) >= 1 else ""
    yield f"[{before}({char}){after}] TJ" if before or after else f"({char}) Tj"
    if glyph.up:
        yield "0 Ts"


def _rounded(x: float, y: float, width: float, height: float, radius: float) -> Iterator[str]:
    """The path of a rectangle with round corners."""
    left, right, low, high = x + radius, x + width - radius, y + radius, y + height - radius
    end, top, bend = x + width, y + height, radius * _QUARTER
    yield f"{left:.2f} {y:.2f} m {right:.2f} {y:.2f} l"
    yield f"{right + bend:.2f} {y:.2f} {end:.2f} {low - bend:.2f} {end:.2f} {low:.2f} c"
    yield f"{end:.2f} {high:.2f} l"
    yield f"{end:.2f} {high + bend:.2f} {right + bend:.2f} {top:.2f} {right:.2f} {top:.2f} c"
    yield f"{left:.2f} {top:.2f} l"
    yield f"{left - bend:.2f} {top:.2f} {x:.2f} {high + bend:.2f} {x:.2f} {high:.2f} c"
    yield f"{x:.2f} {low:.2f} l"
    yield f"{x:.2f} {low - bend:.2f} {left - bend:.2f} {y:.2f} {left:.2f} {y:.2f} c h"


_QUARTER = 0.5523
"""How far a quarter of a circle's control points are from its ends, as a share of the radius."""
