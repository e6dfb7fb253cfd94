"""Text styles and the measures of a page, in points."""

from dataclasses import dataclass, replace
from typing import Literal

from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4

from webox_exporter.documents.typeset import palette

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 56.0
FOOT = 48.0
TEXT_WIDTH = PAGE_WIDTH - 2 * MARGIN
TEXT_HEIGHT = PAGE_HEIGHT - 2 * MARGIN
CODE_SIZE = 8.2
CODE_LEADING = 11.4
SMALL_CODE_SIZE = 7.2
SMALL_CODE_LEADING = 10.0
LEAST_ROOM = 64.0
"""A heading or label with less room than this below it starts on the next page."""

Alignment = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a paragraph is set: sizes and the space `after` it in points."""

    size: float
    leading: float
    after: float = 0.0
    colour: Color = palette.INK
    bold: bool = False
    alignment: Alignment = "left"

    def aligned(self, alignment: str) -> "TextStyle":
        """The same on the side that Markdown names; left where it names none."""
        side: Alignment = "left"
        if alignment == "right":
            side = "right"
        elif alignment == "center":
            side = "center"
        return self if side == self.alignment else replace(self, alignment=side)


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles of a message's text."""

    body: TextStyle
    tight: TextStyle
    cell: TextStyle
    headings: tuple[TextStyle, ...]
    code: TextStyle

    def heading(self, level: int) -> TextStyle:
        """A heading inside a message; from the fourth level on they look alike."""
        return self.headings[min(level, len(self.headings)) - 1]


FULL = Styles(
    body=TextStyle(10, 14.5, after=6),
    tight=TextStyle(10, 14.5, after=2),
    cell=TextStyle(8.5, 11.5),
    headings=(
        TextStyle(15, 19.5, after=5, bold=True),
        TextStyle(13, 17.5, after=4, bold=True),
        TextStyle(11.5, 15.5, after=4, bold=True),
        TextStyle(10.5, 14.5, after=3, bold=True),
    ),
    code=TextStyle(CODE_SIZE, CODE_LEADING, after=8, colour=palette.CODE_INK),
)
"""Text over the whole width of a page."""

NARROW = Styles(
    body=TextStyle(8.8, 12.6, after=5),
    tight=TextStyle(8.8, 12.6, after=2),
    cell=TextStyle(7.5, 10),
    headings=(
        TextStyle(12, 15.5, after=4, bold=True),
        TextStyle(10.8, 14.5, after=3, bold=True),
        TextStyle(9.8, 13.5, after=3, bold=True),
        TextStyle(9, 12.6, after=3, bold=True),
    ),
    code=TextStyle(SMALL_CODE_SIZE, SMALL_CODE_LEADING, after=6, colour=palette.CODE_INK),
)
"""Text in columns, side by side."""
