"""Code blocks: highlighted, wrapped at the margin, and broken over pages between lines."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from pygments.styles import get_style_by_name
from pygments.token import Token, _TokenType
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus.flowables import Flowable

from webox_exporter.documents.highlighting import lexer_for
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.chains import mono
from webox_exporter.documents.typeset.styles import CODE_LEADING, CODE_SIZE

_PADDING = 6.0
_FEWEST_LINES = 2


class Piece(NamedTuple):
    """A stretch of one line, in one font and colour."""

    text: str
    font: str
    colour: Color


Line = list[Piece]


class CodeBlock(Flowable):
    """Lines of code on a shaded ground."""

    def __init__(self, lines: list[Line], *, wrapped: bool = False) -> None:
        super().__init__()
        self._lines = lines
        self._wrapped = wrapped
        self.spaceAfter = 8
        self.spaceBefore = 2

    def wrap(self, available_width: float, _available_height: float) -> tuple[float, float]:
        if not self._wrapped:
            room = max(available_width - 2 * _PADDING, CODE_SIZE * 4)
            self._lines = [part for line in self._lines for part in _wrapped(line, room)]
            self._wrapped = True
        self.width = available_width
        self.height = len(self._lines) * CODE_LEADING + 2 * _PADDING
        return self.width, self.height

    def split(self, _available_width: float, available_height: float) -> list[Flowable]:
        fitting = int((available_height - 2 * _PADDING) // CODE_LEADING)
        if fitting < _FEWEST_LINES:
            return []
        head, tail = self._lines[:fitting], self._lines[fitting:]
        return [CodeBlock(part, wrapped=True) for part in (head, tail) if part]

    def draw(self) -> None:
        canvas = self.canv
        canvas.setFillColor(palette.CODE_PAPER)
        canvas.roundRect(0, 0, self.width, self.height, 3, stroke=0, fill=1)
        text = canvas.beginText(_PADDING, self.height - _PADDING - CODE_SIZE)
        text.setLeading(CODE_LEADING)
        for line in self._lines:
            for piece in line:
                text.setFont(piece.font, CODE_SIZE, CODE_LEADING)
                text.setFillColor(piece.colour)
                text.textOut(piece.text)
            text.textLine("")
        canvas.drawText(text)


def code_block(source: str, language: str = "") -> CodeBlock:
    """A listing, coloured when `language` names one that pygments knows."""
    return CodeBlock(list(_lines(source.expandtabs(4).rstrip("\n"), language)))


def _lines(source: str, language: str) -> Iterator[Line]:
    line: Line = []
    for kind, text in _lexed(source, language):
        first, *others = text.split("\n")
        line += _pieces(kind, first)
        for other in others:
            yield line
            line = _pieces(kind, other)
    yield line


def _lexed(source: str, language: str) -> Iterator[tuple[_TokenType, str]]:
    lexer = lexer_for(source, language)
    if lexer is None:
        return iter([(Token.Text, source)])
    return iter(lexer.get_tokens(source))


def _pieces(kind: _TokenType, text: str) -> Line:
    colour, bold = _look(kind)
    return [Piece(run.text, run.font, colour) for run in mono(bold=bold).runs(text)]


@cache
def _look(kind: _TokenType) -> tuple[Color, bool]:
    look = get_style_by_name("default").style_for_token(kind)
    colour = HexColor(f"#{look['color']}") if look["color"] else palette.CODE_INK
    return colour, bool(look["bold"])


def _wrapped(line: Line, room: float) -> Iterator[Line]:
    """The line in parts that fit, cut between any two characters: code has no better place."""
    part: Line = []
    left = room
    for piece in line:
        rest = piece.text
        while rest:
            fitting = _fitting(rest, piece.font, left)
            if fitting < len(rest) and part and not fitting:
                yield part
                part, left = [], room
                continue
            cut = rest[: max(fitting, 1)]
            part.append(piece._replace(text=cut))
            left -= stringWidth(cut, piece.font, CODE_SIZE)
            rest = rest[len(cut) :]
    yield part


def _fitting(text: str, font: str, room: float) -> int:
    """How many characters of the text fit, found by halving: widths only add up."""
    most = min(len(text), int(room / (CODE_SIZE * 0.2)) + 1)
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if stringWidth(text[:middle], font, CODE_SIZE) <= room:
            low = middle
        else:
            high = middle - 1
    return low
