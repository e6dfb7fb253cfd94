"""Paragraphs: spans of text in lines, aligned as their script wants it."""

from collections.abc import Iterable

from webox_exporter.documents.typeset.block import Block, Placed
from webox_exporter.documents.typeset.direction import has_right_to_left, runs_right_to_left
from webox_exporter.documents.typeset.inline import Span
from webox_exporter.documents.typeset.lines import Line, fill, width_of
from webox_exporter.documents.typeset.pen import Pen
from webox_exporter.documents.typeset.styles import TextStyle
from webox_exporter.documents.typeset.wording import words_of

_FEWEST_LINES = 2
"""No page begins or ends with a single line of a longer paragraph."""
_ROOM_BELOW = 44.0
"""Below a heading: three lines, since a paragraph of three is not divided."""
_BASELINE = 0.76
"""How far below a line's top its baseline is, as a share of the leading."""
_BULLET_GAP = 5.0


def lines_of(spans: Iterable[Span], style: TextStyle, width: float) -> list[Line]:
    """The text in lines of this width; line ends in it are kept."""
    parts: list[list[tuple[str, Span]]] = [[]]
    for span in spans:
        first, *others = span.text.split("\n")
        parts[-1].append((first, span))
        parts += [[(other, span)] for other in others]
    return [
        line
        for part in parts
        for line in fill(words_of([(text, span.look(style)) for text, span in part if text]), width)
    ]


def is_mirrored(spans: Iterable[Span]) -> bool:
    """Whether the paragraph begins on the right."""
    text = "".join(span.text for span in spans)
    return has_right_to_left(text) and runs_right_to_left(text)


class Paragraph(Block):
    """A paragraph, with a bullet in the margin if it begins a list's item."""

    def __init__(
        self,
        spans: list[Span],
        style: TextStyle,
        *,
        bullet: str = "",
        keeps_with_next: bool = False,
    ) -> None:
        self._spans = spans
        self._style = style
        self._bullet = bullet
        self._mirrored = is_mirrored(spans)
        self._lines: list[Line] | None = None
        if keeps_with_next:
            self.needs = style.leading + style.after + _ROOM_BELOW

    def place(self, width: float, room: float) -> Placed:
        if self._lines is None:
            self._lines = lines_of(self._spans, self._style, width)
        count, leading = len(self._lines), self._style.leading
        if count * leading <= room:
            return Placed(self, count * leading + self._style.after)
        fitting = min(int(room // leading), count - _FEWEST_LINES)
        if fitting < min(_FEWEST_LINES, count):
            return Placed(None, 0, self)
        head, tail = self._with(self._lines[:fitting]), self._with(self._lines[fitting:])
        tail._bullet = ""  # noqa: SLF001 - one of its own kind
        return Placed(head, fitting * leading, tail)

    def _with(self, lines: list[Line]) -> "Paragraph":
        part = Paragraph([], self._style, bullet=self._bullet)
        part._lines, part._mirrored = lines, self._mirrored
        return part

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        draw_lines(pen, self._lines or [], x, top, width, self._style, mirrored=self._mirrored)
        if self._bullet:
            self._draw_bullet(pen, x, top, width)

    def _draw_bullet(self, pen: Pen, x: float, top: float, width: float) -> None:
        bullet = words_of([(self._bullet, Span("").look(self._style))])
        left = x + width + _BULLET_GAP if self._mirrored else x - _BULLET_GAP - width_of(bullet)
        pen.line(left, top - self._style.leading * _BASELINE, bullet)


def draw_lines(
    pen: Pen,
    lines: list[Line],
    x: float,
    top: float,
    width: float,
    style: TextStyle,
    *,
    mirrored: bool = False,
) -> None:
    """Lines below each other, aligned in `width`; mirrored, left and right change places."""
    baseline = top - style.leading * _BASELINE
    placed = []
    for line in lines:
        spare = width - width_of(line) if mirrored or style.alignment != "left" else 0.0
        if style.alignment == "center":
            spare /= 2
        elif mirrored and style.alignment == "right":
            spare = 0
        placed.append((x + spare, baseline, line))
        baseline -= style.leading
    pen.lines(placed)
