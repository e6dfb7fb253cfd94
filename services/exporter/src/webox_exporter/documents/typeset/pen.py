"""Drawing lines of words on reportlab's canvas, as PDF text operators (PDF 1.7, 9.4).

The one place that goes below reportlab's public calls: shaped words need their glyphs placed one
by one, and text set word by word through the public calls takes twice the time.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby
from typing import Any, TypeVar

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from webox_exporter.documents.parsing import is_safe_link
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.faces import Face
from webox_exporter.documents.typeset.lines import Line, visual, width_of
from webox_exporter.documents.typeset.shaping import Glyph, Group
from webox_exporter.documents.typeset.wording import BOX_SIZE, Look, Word

Value = TypeVar("Value")

_UNDERLINE, _STRIKE = -0.12, 0.27
"""Where lines go, as shares of the size above the baseline."""


class Pen:
    """Writes on the page under way."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._raw: Any = canvas  # what is below its public calls
        self._font: tuple[str, float] | None = None
        self._colour: Color | None = None

    def rectangle(
        self, x: float, y: float, width: float, height: float, colour: Color, radius: float = 0
    ) -> None:
        """A filled rectangle, its lower left corner at (x, y)."""
        shape = _rounded(x, y, width, height, radius) if radius else [
            f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} re"
        ]  # fmt: skip
        self._raw._code.extend([f"{_operands(colour)} rg", *shape, "f"])  # noqa: SLF001 - see the module

    def lines(self, lines: Iterable[tuple[float, float, Line]]) -> None:
        """Lines of words, each with the x of its left end and the y of its baseline."""
        shown = [(x, y, visual(line)) for x, y, line in lines if line]
        for x, y, line in shown:
            self._grounds(x, y, line)
        code = ["BT"]
        self._font = self._colour = None
        for x, y, line in shown:
            code.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm")
            for _, words in groupby(line, _same_ink):
                self._words(code, list(words))
        code.append("ET")
        if shown:
            self._raw._code.extend(code)  # noqa: SLF001 - see the module
        for x, y, line in shown:
            self._rules(x, y, line)

    def line(self, x: float, y: float, words: Line) -> float:
        """One line; returns where it ends."""
        self.lines([(x, y, words)])
        return x + width_of(words)

    def _words(self, code: list[str], words: list[Word]) -> None:
        """Words of one face and look: drawn together unless their glyphs are placed singly."""
        first = words[0]
        self._ink(code, first.look.colour)
        heavy = first.face.weight if first.look.bold else 0
        if heavy:
            colour = _operands(first.look.colour)
            code.append(f"2 Tr {first.look.size * heavy:.2f} w {colour} RG")
        if first.missing:
            for word in words:
                self._box(code, word)
        elif first.shaped:
            for word in words:
                self._glyphs(code, word)
        else:
            text = "".join(word.text for word in words)
            code.extend(self._shown(first.face, text, first.look.size))
        if heavy:
            code.append("0 Tr")

    def _ink(self, code: list[str], colour: Color) -> None:
        if colour is not self._colour:
            self._colour = colour
            code.append(f"{_operands(colour)} rg")

    def _shown(self, face: Face, text: str, size: float) -> Iterator[str]:
        for chars in self._encoded(face, text, size):
            yield from chars[:-1]
            yield f"({chars[-1]}) Tj"

    def _encoded(self, face: Face, text: str, size: float) -> Iterator[list[str]]:
        """The text's bytes, escaped, each time after the operator for another font if any."""
        document = self._raw._doc  # noqa: SLF001 - see the module
        escape = self._raw._escape  # noqa: SLF001 - see the module
        for subset, characters in face.font.splitString(text, document):
            font = (face.font.getSubsetInternalName(subset, document), size)
            change = [] if font == self._font else [f"{font[0]} {size:g} Tf"]
            self._font = font
            yield [*change, escape(characters)]

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
            *change, char = next(self._encoded(word.face, glyph.char, word.look.size))
            code.extend(change)
            code.extend(_placed(glyph, char, word.look.size))

    def _box(self, code: list[str], word: Word) -> None:
        """The code of a character that no font has; its ground is drawn already."""
        gap = word.look.size * 0.2 / (word.look.size * BOX_SIZE) * 1000
        for *change, chars in self._encoded(word.face, word.text, word.look.size * BOX_SIZE):
            code.extend(change)
            code.append(f"[{-gap:.0f} ({chars}) {-gap:.0f}] TJ")

    def _grounds(self, x: float, y: float, line: Line) -> None:
        for ground, width, words in _stretches(line, _ground_of):
            if ground is not None:
                size = words[0].look.size
                self.rectangle(x - 0.8, y - size * 0.26, width + 1.6, size * 1.22, ground, 2)
            x += width

    def _rules(self, x: float, y: float, line: Line) -> None:
        for (link, struck), width, words in _stretches(
            line, lambda word: (word.look.link, word.look.struck)
        ):
            look = words[0].look
            if link is not None and is_safe_link(link):
                self._rule(x, y + look.size * _UNDERLINE, width, look)
                area = (x, y - look.size * 0.25, x + width, y + look.size * 0.8)
                self.canvas.linkURL(link, area, relative=0, thickness=0)
            if struck:
                self._rule(x, y + look.size * _STRIKE, width, look)
            x += width

    def _rule(self, x: float, y: float, width: float, look: Look) -> None:
        self.rectangle(x, y, width, look.size * 0.05, look.colour)


def _same_ink(word: Word) -> tuple[object, ...]:
    return (word.face, word.look, word.shaped is None, word.missing)


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


@cache
def _operands(colour: Color) -> str:
    return f"{colour.red:.3f} {colour.green:.3f} {colour.blue:.3f}"


def _ground_of(word: Word) -> Color | None:
    return palette.MISSING_PAPER if word.missing else word.look.ground


def _stretches(
    line: Line, key: Callable[[Word], Value]
) -> Iterator[tuple[Value, float, list[Word]]]:
    """Neighbours for which the key is the same: it, their width, and they."""
    for value, words in groupby(line, key):
        found = list(words)
        yield value, width_of(found), found
