"""The line above a message: who speaks on a coloured ground, then model, figures and marks."""

from typing import NamedTuple

from reportlab.lib.colors import Color

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.block import Block, Placed
from webox_exporter.documents.typeset.lines import Line, width_of
from webox_exporter.documents.typeset.pen import Pen
from webox_exporter.documents.typeset.styles import LEAST_ROOM
from webox_exporter.documents.typeset.wording import Look, furniture, words_of

_SIZE = 8.5
_SMALL = 7.6
_HEIGHT = 16.0
_LEADING = 10.5
_PADDING = 6.0
_ABOVE, _BELOW = 10.0, 6.0


class Bookmark(NamedTuple):
    """An entry of the outline: where a link to `key` leads."""

    key: str
    title: str


class MessageLabel(Block):
    """Speaker and details; the details beside the speaker, or below in a narrow column."""

    needs = LEAST_ROOM + _HEIGHT + _ABOVE

    def __init__(
        self,
        speaker: str,
        details: list[str],
        colour: Color,
        bookmark: Bookmark | None = None,
        *,
        narrow: bool = False,
    ) -> None:
        self._speaker = speaker
        self._details = details
        self._colour = colour
        self._bookmark = bookmark
        self._narrow = narrow

    def place(self, width: float, room: float) -> Placed:  # noqa: ARG002 - cut to any width
        below = len(self._details) * _LEADING + 2 if self._narrow else 0
        height = (0 if self._narrow else _ABOVE) + _HEIGHT + below + _BELOW
        return Placed(self, height) if height <= room else Placed(None, 0, self)

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        if not self._narrow:
            top -= _ABOVE
        speaker = fitted(self._speaker, furniture(_SIZE, palette.WHITE, bold=True), width / 2)
        pill = width_of(speaker) + 2 * _PADDING
        pen.rectangle(x, top - _HEIGHT, pill, _HEIGHT, self._colour, 3)
        pen.line(x + _PADDING, top - _HEIGHT + 4.7, speaker)
        if self._narrow:
            self._draw_below(pen, x, top - _HEIGHT - 2, width)
        else:
            look = furniture(_SIZE, palette.MUTED)
            room = width - pill - _PADDING
            details = fitted(" · ".join(self._details), look, room)
            pen.line(x + pill + _PADDING, top - _HEIGHT + 4.7, details)
        if self._bookmark:
            key, title = self._bookmark
            pen.canvas.bookmarkHorizontal(key, 0, top + 4)
            pen.canvas.addOutlineEntry(title, key, 0)

    def _draw_below(self, pen: Pen, x: float, top: float, width: float) -> None:
        for detail in self._details:
            top -= _LEADING
            pen.line(x, top + 2, fitted(detail, furniture(_SMALL, palette.MUTED), width))


def fitted(text: str, look: Look, width: float) -> Line:
    """The text as one line, cut with an ellipsis where it would be wider than `width`."""
    words = words_of([(text, look)])
    while text and width_of(words) > width:
        text = text[: -max(1, len(text) // 20)]
        words = words_of([(text.rstrip() + "…", look)])
    return words
