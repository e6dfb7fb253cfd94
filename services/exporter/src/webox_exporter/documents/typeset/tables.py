"""Tables: column widths by their content, rows that break over pages under a repeated head."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.block import Block, Gap, Placed
from webox_exporter.documents.typeset.inline import Span
from webox_exporter.documents.typeset.lines import Line, width_of
from webox_exporter.documents.typeset.paragraph import (
    Paragraph,
    draw_lines,
    is_mirrored,
    lines_of,
)
from webox_exporter.documents.typeset.pen import Pen
from webox_exporter.documents.typeset.styles import Styles, TextStyle

_PADDING = 5.0
_ABOVE, _BELOW = 3.0, 4.0
_LEAST_COLUMN = 42.0
_WIDEST_WISH = 260.0
_WISHES_OF = 1_000
"""Rows that are measured to find the columns' widths: the first ones."""
_UNLIMITED = 10_000.0
_TALLEST_UNBROKEN = 200.0
_MOST_SQUEEZED = 1.8


class Cell(list[Span]):
    """A cell's text, and on which side it stands."""

    def __init__(self, spans: Iterable[Span], alignment: str = "") -> None:
        super().__init__(spans)
        self.alignment = alignment


Row = list[Cell]
_Lines = list[list[Line]]
"""One row: the lines of each of its cells."""


def table(head: Row, rows: list[Row], styles: Styles, width: float) -> Iterator[Block]:
    """The table in columns, or row by row when it has more columns than the page has room for."""
    if len(head) * _LEAST_COLUMN > width:
        yield from _records(head, rows, styles)
    else:
        yield Table(head, rows, styles.cell)
        yield Gap(8)


class Table(Block):
    """A table whose head stands on every page that it goes over."""

    needs = 60.0

    def __init__(self, head: Row, rows: list[Row], style: TextStyle) -> None:
        self._head, self._rows = head, rows
        self._style = style
        self._sides = [style.aligned(cell.alignment) for cell in head]
        self._widths: list[float] = []
        self._head_lines: _Lines = []
        self._waiting: list[_Lines] = []
        self._mirrored: list[bool] = []

    def fits(self, width: float) -> bool:
        """In a column it may get narrower, but not by much."""
        room = len(self._head) * _LEAST_COLUMN <= width
        return room and sum(self._wishes) <= width * _MOST_SQUEEZED

    def place(self, width: float, room: float) -> Placed:
        if not self._widths:
            self._measure(width)
        height = self._height(self._head_lines)
        taken: list[_Lines] = []
        waiting = self._waiting
        for number, row in enumerate(waiting):
            tall = self._height(row)
            if height + tall > room:
                return self._broken(taken, waiting[number:], height, room)
            taken.append(row)
            height += tall
        return Placed(self._with(taken), height) if height <= room else Placed(None, 0, self)

    def _broken(
        self, taken: list[_Lines], waiting: list[_Lines], height: float, room: float
    ) -> Placed:
        """What fits; a row that is taller than most of a page is cut between its lines."""
        if self._height(waiting[0]) > _TALLEST_UNBROKEN:
            count = int((room - height - _ABOVE - _BELOW) // self._style.leading)
            if count > 1:
                above = [lines[:count] for lines in waiting[0]]
                below = [lines[count:] for lines in waiting[0]]
                height += self._height(above)
                return Placed(
                    self._with([*taken, above]), height, self._with([below, *waiting[1:]])
                )
        if not taken:
            return Placed(None, 0, self)
        return Placed(self._with(taken), height, self._with(waiting))

    def _with(self, rows: list[_Lines]) -> "Table":
        part = Table(self._head, [], self._style)
        part._widths, part._head_lines = self._widths, self._head_lines
        part._waiting, part._mirrored = rows, self._mirrored
        return part

    def _measure(self, width: float) -> None:
        self._widths = _column_widths(self._wishes, width)
        self._head_lines = self._set(self._head)
        self._waiting = [self._set(row) for row in self._rows]
        self._mirrored = [is_mirrored(cell) for cell in self._head]

    @cached_property
    def _wishes(self) -> list[float]:
        rows = [self._head, *self._rows[:_WISHES_OF]]
        return [
            max(_wish(cell, self._style) for cell in cells) for cells in zip(*rows, strict=True)
        ]

    def _set(self, row: Row) -> _Lines:
        return [
            lines_of(cell, self._style, width - 2 * _PADDING)
            for cell, width in zip(row, self._widths, strict=True)
        ]

    def _height(self, row: _Lines) -> float:
        return max(map(len, row)) * self._style.leading + _ABOVE + _BELOW

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:  # noqa: ARG002 - its own
        whole = sum(self._widths)
        height = self._height(self._head_lines)
        pen.rectangle(x, top - height, whole, height, palette.TABLE_HEAD)
        for row in (self._head_lines, *self._waiting):
            height = self._height(row)
            self._draw_row(pen, row, x, top - _ABOVE)
            top -= height
            pen.rectangle(x, top, whole, 0.5, palette.FAINT)

    def _draw_row(self, pen: Pen, row: _Lines, x: float, top: float) -> None:
        columns = zip(row, self._widths, self._sides, self._mirrored, strict=True)
        for lines, width, style, mirrored in columns:
            draw_lines(pen, lines, x + _PADDING, top, width - 2 * _PADDING, style,
                       mirrored=mirrored)  # fmt: skip
            x += width


def _wish(cell: Cell, style: TextStyle) -> float:
    """How wide the cell would be on one line, within reason."""
    if sum(len(span.text) for span in cell) * style.size / 3 > _WIDEST_WISH:
        return _WIDEST_WISH
    natural = max(map(width_of, lines_of(cell, style, _UNLIMITED)), default=0.0)
    return min(max(natural + 2 * _PADDING + 1, _LEAST_COLUMN), _WIDEST_WISH)


def _column_widths(wishes: list[float], width: float) -> list[float]:
    """What each column would like, cut down in proportion where there is no room."""
    total = sum(wishes)
    if total <= width:
        return wishes
    spare = width - len(wishes) * _LEAST_COLUMN
    greed = total - len(wishes) * _LEAST_COLUMN
    return [_LEAST_COLUMN + (wish - _LEAST_COLUMN) * spare / greed for wish in wishes]


class _Field(Paragraph):
    """A cell of a table that had to be taken apart, which a wider page may not have to."""

    def fits(self, width: float) -> bool:  # noqa: ARG002 - whatever it is
        return False


def _records(head: Row, rows: list[Row], styles: Styles) -> Iterator[Block]:
    """Each row as a list of `Column: value`."""
    for row in rows or [head]:
        for name, cell in zip(head, row, strict=True):
            named = [*(_bold(span) for span in name), Span(": ", bold=True), *cell]
            yield _Field(named, styles.tight)
        yield Gap(6)


def _bold(span: Span) -> Span:
    return Span(span.text, bold=True, code=span.code, link=span.link)
