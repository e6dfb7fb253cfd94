"""Code blocks: highlighted, wrapped at the margin, and broken over pages between lines."""

from collections.abc import Iterator
from functools import cache

from pygments.lexer import Lexer
from pygments.styles import get_style_by_name
from pygments.token import Token, _TokenType
from reportlab.lib.colors import Color, HexColor

from webox_exporter.documents.highlighting import lexer_for
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.block import Block, Placed
from webox_exporter.documents.typeset.chains import mono
from webox_exporter.documents.typeset.lines import Line, fill, width_of
from webox_exporter.documents.typeset.paragraph import draw_lines
from webox_exporter.documents.typeset.pen import Pen
from webox_exporter.documents.typeset.styles import TextStyle
from webox_exporter.documents.typeset.wording import Look, Word, furniture, words_of

_PADDING = 7.0
_FEWEST_LINES = 2
_NAME_SIZE = 6.5
_MOST_OVERHANG = 1.4
"""A listing may be set in a narrow column if its longest line wraps once at most, just about."""


class CodeBlock(Block):
    """Lines of code on a shaded ground, which goes on overleaf."""

    def __init__(self, lines: list[list[Word]], style: TextStyle, name: str = "") -> None:
        self._source = lines
        self._style = style
        self._name = name
        self._lines: list[Line] | None = None

    @property
    def needs(self) -> float:  # type: ignore[override] # two lines and their ground
        return _FEWEST_LINES * self._style.leading + 2 * _PADDING

    def fits(self, width: float) -> bool:
        longest = max(map(width_of, self._source), default=0.0)
        return longest <= (width - 2 * _PADDING) * _MOST_OVERHANG

    def place(self, width: float, room: float) -> Placed:
        if self._lines is None:
            inner = width - 2 * _PADDING
            self._lines = [part for line in self._source for part in fill(line, inner)]
        lines, leading = self._lines, self._style.leading
        height = self._height(lines)
        if height <= room:
            return Placed(self, height + self._style.after)
        fitting = int((room - 2 * _PADDING) // leading)
        if fitting < _FEWEST_LINES:
            return Placed(None, 0, self)
        head, tail = self._with(lines[:fitting]), self._with(lines[fitting:])
        head._name = self._name  # noqa: SLF001 - one of its own kind
        return Placed(head, self._height(lines[:fitting]), tail)

    def _height(self, lines: list[Line]) -> float:
        return len(lines) * self._style.leading + 2 * _PADDING

    def _with(self, lines: list[Line]) -> "CodeBlock":
        part = CodeBlock([], self._style)
        part._lines = lines
        return part

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        lines = self._lines or []
        height = self._height(lines)
        pen.rectangle(x, top - height, width, height, palette.CODE_PAPER, 3)
        if self._name:
            name = words_of([(self._name, furniture(_NAME_SIZE, palette.MUTED))])
            room = width - _PADDING - (width_of(lines[0]) if lines else 0)
            if width_of(name) < room - 2 * _PADDING:
                pen.line(x + width - _PADDING - width_of(name), top - _PADDING - 4, name)
        draw_lines(pen, lines, x + _PADDING, top - _PADDING, width - 2 * _PADDING, self._style)


def code_block(source: str, language: str, style: TextStyle) -> CodeBlock:
    """A listing, coloured when `language` names one that pygments knows."""
    source = source.expandtabs(4).rstrip("\n")
    lexer = lexer_for(source, language)
    lines = list(_lines(source, lexer, style))
    return CodeBlock(lines, style, lexer.name if lexer else "")


def _lines(source: str, lexer: Lexer | None, style: TextStyle) -> Iterator[list[Word]]:
    line: list[tuple[str, Look]] = []
    for kind, text in _lexed(source, lexer):
        look = _look(style, kind)
        first, *others = text.split("\n")
        line.append((first, look))
        for other in others:
            yield words_of(line)
            line = [(other, look)]
    yield words_of(line)


def _lexed(source: str, lexer: Lexer | None) -> Iterator[tuple[_TokenType, str]]:
    if lexer is None:
        return iter([(Token.Text, source)])
    return iter(lexer.get_tokens(source))


@cache
def _look(style: TextStyle, kind: _TokenType) -> Look:
    look = get_style_by_name("default").style_for_token(kind)
    colour: Color = HexColor(f"#{look['color']}") if look["color"] else style.colour
    bold = bool(look["bold"])
    return Look(mono(bold=bold), style.size, colour, bold=bold, verbatim=True)
