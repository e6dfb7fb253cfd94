"""Paragraph styles and the measures of a page, in points."""

from typing import Any

from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.chains import sans

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 56.0
FOOT = 48.0
TEXT_WIDTH = PAGE_WIDTH - 2 * MARGIN
TEXT_HEIGHT = PAGE_HEIGHT - 2 * MARGIN
BODY_SIZE = 10.0
CODE_SIZE = 8.5
CODE_LEADING = 11.5
LEAST_ROOM = 64.0
"""A heading or label with less room than this below it starts on the next page."""

_HEADINGS = {1: (15.0, 19.0), 2: (13.0, 17.0), 3: (11.5, 15.0)}


def _style(name: str, size: float, leading: float, **more: Any) -> ParagraphStyle:
    settings: dict[str, Any] = {
        "fontName": sans().font,
        "fontSize": size,
        "leading": leading,
        "textColor": palette.INK,
        "bulletFontName": sans().font,
        "bulletFontSize": size,
        "linkUnderline": 1,
        "splitLongWords": 1,
        "allowWidows": 0,
        **more,
    }
    return ParagraphStyle(name, **settings)


class Styles:
    """All styles of a document; made once per process, when the fonts are known."""

    def __init__(self) -> None:
        bold = sans(bold=True).font
        self.title = _style("title", 22, 28, fontName=bold, spaceAfter=4)
        self.fact = _style("fact", 9, 13, textColor=palette.MUTED)
        self.body = _style("body", BODY_SIZE, 14.5, spaceAfter=6)
        self.tight = _style("tight", BODY_SIZE, 14.5, spaceAfter=2)
        self.continued = _style("continued", BODY_SIZE, 14.5)
        self.cell = _style("cell", 8.5, 11.5)
        self._aligned_cells = {
            "right": _style("cell-right", 8.5, 11.5, alignment=TA_RIGHT),
            "center": _style("cell-center", 8.5, 11.5, alignment=TA_CENTER),
        }
        self._headings = {
            level: _style(f"h{level}", size, leading, fontName=bold, spaceBefore=8, spaceAfter=4)
            for level, (size, leading) in _HEADINGS.items()
        }
        self._small_heading = _style("h", 10.5, 14.5, fontName=bold, spaceBefore=6, spaceAfter=3)

    def aligned_cell(self, alignment: str) -> ParagraphStyle:
        """A table's cell; Markdown says `left`, `right` or `center`, or nothing."""
        return self._aligned_cells.get(alignment, self.cell)

    def heading(self, level: int) -> ParagraphStyle:
        """A heading inside a message; from the fourth level on they look alike."""
        return self._headings.get(level, self._small_heading)
