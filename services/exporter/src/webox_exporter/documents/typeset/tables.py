"""Tables: column widths by their content, and another form for those that fit no page."""

from collections.abc import Iterable, Iterator
from typing import Any

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Paragraph, Spacer, Table, TableStyle
from reportlab.platypus.flowables import Flowable

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.chains import sans
from webox_exporter.documents.typeset.inline import Span, paragraph, pieces
from webox_exporter.documents.typeset.styles import TEXT_HEIGHT, Styles

Row = list["Cell"]


class Cell(list[Span]):
    """A cell's text, and on which side it stands."""

    def __init__(self, spans: Iterable[Span], alignment: str = "") -> None:
        super().__init__(spans)
        self.alignment = alignment


_PADDING = 5.0
_LEAST_COLUMN = 42.0
_WIDEST_WISH = 260.0
_TALLEST_ROW = TEXT_HEIGHT / 3
_MOST_CHARACTERS = 1_500
_ROWS_A_PART = 60
"""A table is measured whole each time a page ends, so long ones are set in parts."""

_LOOK: list[Any] = [
    ("FONTNAME", (0, 0), (-1, -1), sans().font),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), _PADDING),
    ("RIGHTPADDING", (0, 0), (-1, -1), _PADDING),
    ("TOPPADDING", (0, 0), (-1, -1), 3),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ("LINEBELOW", (0, 0), (-1, -1), 0.5, palette.FAINT),
]
_HEAD_LOOK: list[Any] = [
    ("FONTNAME", (0, 0), (-1, -1), sans().font),
    ("BACKGROUND", (0, 0), (-1, 0), palette.TABLE_HEAD),
    ("LINEABOVE", (0, 0), (-1, 0), 0.5, palette.FAINT),
]


def table(head: Row, rows: list[Row], width: float, styles: Styles) -> Iterator[Flowable]:
    """The table in columns, or row by row when it has too many columns or a too tall cell."""
    widths = _column_widths([head, *rows], width)
    if widths is None or any(_is_tall(row, widths, styles) for row in [head, *rows]):
        yield from _records(head, rows, styles)
        return
    for start in range(0, max(len(rows), 1), _ROWS_A_PART):
        part = rows[start : start + _ROWS_A_PART]
        yield _grid([] if start else [head], part, widths, styles)
    yield Spacer(0, 8)


def _grid(head: list[Row], rows: list[Row], widths: list[float], styles: Styles) -> Table:
    cells = [
        [paragraph(cell, styles.aligned_cell(cell.alignment)) for cell in row]
        for row in [*head, *rows]
    ]
    look = TableStyle(_LOOK + (_HEAD_LOOK if head else []))
    return Table(cells, colWidths=widths, repeatRows=len(head), style=look, hAlign="LEFT")


def _column_widths(rows: list[Row], width: float) -> list[float] | None:
    """What each column would like, cut down in proportion; None when there is no room."""
    columns = len(rows[0])
    if columns * _LEAST_COLUMN > width:
        return None
    wishes = [max(map(_wish, cells)) for cells in zip(*rows, strict=True)]
    total = sum(wishes)
    if total <= width:
        return wishes
    spare = width - columns * _LEAST_COLUMN
    greed = total - columns * _LEAST_COLUMN
    return [_LEAST_COLUMN + (wish - _LEAST_COLUMN) * spare / greed for wish in wishes]


def _wish(cell: Cell) -> float:
    runs = (run for span in cell for run in span.runs())
    natural = sum(stringWidth(run.text, run.font, 8.5) for run in runs)
    return min(max(natural + 2 * _PADDING + 1, _LEAST_COLUMN), _WIDEST_WISH)


def _is_tall(row: Row, widths: list[float], styles: Styles) -> bool:
    """Rows are never split, so one that could outgrow a page must not become one."""
    return any(_height(cell, width, styles) > _TALLEST_ROW for cell, width in _sized(row, widths))


def _sized(row: Row, widths: list[float]) -> Iterator[tuple[Cell, float]]:
    return zip(row, widths, strict=True)


def _height(cell: Cell, width: float, styles: Styles) -> float:
    size = sum(len(span.text) for span in cell)
    if size > _MOST_CHARACTERS:
        return TEXT_HEIGHT
    if size * 4 < width:
        return styles.cell.leading
    set_cell: Paragraph = paragraph(cell, styles.cell)
    return float(set_cell.wrap(width - 2 * _PADDING, TEXT_HEIGHT)[1])


def _records(head: Row, rows: list[Row], styles: Styles) -> Iterator[Flowable]:
    """Each row as a list of `Column: value`, which can be as long as it wants."""
    for row in rows or [head]:
        for name, cell in zip(head, row, strict=True):
            named = [*(_bold(span) for span in name), Span(": ", bold=True), *cell]
            for piece in pieces(named):
                yield paragraph(piece, styles.tight)
        yield Spacer(0, 6)


def _bold(span: Span) -> Span:
    return Span(span.text, bold=True, code=span.code, link=span.link)
