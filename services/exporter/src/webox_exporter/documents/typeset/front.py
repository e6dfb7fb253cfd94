"""The front matter: a title page that says what the document is, and contents with links."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reportlab.lib.colors import Color

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.block import Block, Gap, Placed, Rule
from webox_exporter.documents.typeset.inline import Span
from webox_exporter.documents.typeset.label import fitted
from webox_exporter.documents.typeset.lines import width_of
from webox_exporter.documents.typeset.paragraph import Paragraph, draw_lines, lines_of
from webox_exporter.documents.typeset.pen import Pen
from webox_exporter.documents.typeset.styles import TextStyle
from webox_exporter.documents.typeset.wording import furniture, words_of

_TITLE = TextStyle(27, 34, after=6, bold=True)
_SUBTITLE = TextStyle(11, 16, after=26, colour=palette.MUTED)
_NAME = TextStyle(9.5, 14, colour=palette.MUTED)
_VALUE = TextStyle(9.5, 14)
_HEADING = TextStyle(16, 22, after=10, bold=True)
_NAMES_WIDTH = 118.0
_ENTRY_LEADING = 17.0
_ENTRY_SIZE = 9.5


class Entry(NamedTuple):
    """A line of the contents: a question, and where it is."""

    number: int
    title: str
    key: str
    page: int


class Tally(NamedTuple):
    """What one provider contributed."""

    name: str
    colour: Color
    details: str


class _Fact(Block):
    """A label and its value, beside each other."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def place(self, width: float, room: float) -> Placed:
        names = lines_of([Span(self._name)], _NAME, _NAMES_WIDTH - 8)
        values = lines_of([Span(self._value)], _VALUE, width - _NAMES_WIDTH)
        height = max(len(names), len(values)) * _VALUE.leading + 3
        return Placed(self, height) if height <= room else Placed(None, 0, self)

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        names = lines_of([Span(self._name)], _NAME, _NAMES_WIDTH - 8)
        values = lines_of([Span(self._value)], _VALUE, width - _NAMES_WIDTH)
        draw_lines(pen, names, x, top, _NAMES_WIDTH, _NAME)
        draw_lines(pen, values, x + _NAMES_WIDTH, top, width - _NAMES_WIDTH, _VALUE)


class _Provider(Block):
    """A provider in its colour, and what it contributed."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def place(self, width: float, room: float) -> Placed:  # noqa: ARG002 - cut to any width
        return Placed(self, 21) if room >= 21 else Placed(None, 0, self)  # noqa: PLR2004 - its height

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        look = furniture(8.5, palette.WHITE, bold=True)
        name = fitted(self._tally.name, look, _NAMES_WIDTH - 24)
        pen.rectangle(x, top - 16, width_of(name) + 12, 16, self._tally.colour, 3)
        pen.line(x + 6, top - 11.3, name)
        details = fitted(self._tally.details, furniture(9, palette.INK), width - _NAMES_WIDTH)
        pen.line(x + _NAMES_WIDTH, top - 11.3, details)


class _ContentsLine(Block):
    """A question in one line, dots, and its page; the whole line is a link."""

    def __init__(self, entry: Entry, gutter: float) -> None:
        self._entry, self._gutter = entry, gutter

    def place(self, width: float, room: float) -> Placed:  # noqa: ARG002 - cut to any width
        fits = room >= _ENTRY_LEADING
        return Placed(self, _ENTRY_LEADING) if fits else Placed(None, 0, self)

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        entry, baseline = self._entry, top - _ENTRY_LEADING * 0.7
        muted = furniture(_ENTRY_SIZE, palette.MUTED)
        number = words_of([(str(entry.number), muted)])
        page = words_of([(str(entry.page), furniture(_ENTRY_SIZE, palette.INK))])
        left, right = x + self._gutter, x + width - width_of(page)
        pen.line(left - 8 - width_of(number), baseline, number)
        title = fitted(entry.title, furniture(_ENTRY_SIZE, palette.INK), right - left - 24)
        end = pen.line(left, baseline, title)
        pen.line(right, baseline, page)
        pen.canvas.setStrokeColor(palette.FAINT)
        pen.canvas.setLineWidth(0.6)
        pen.canvas.setDash(0.6, 3)
        pen.canvas.line(end + 6, baseline, right - 6, baseline)
        pen.canvas.setDash()
        area = (x, top - _ENTRY_LEADING, x + width, top)
        pen.canvas.linkRect(entry.title, entry.key, area, relative=0, thickness=0)


def title_page(
    title: str, subtitle: str, facts: Sequence[tuple[str, str]], tallies: Sequence[Tally]
) -> Iterator[Block]:
    """The title, what the document is, and who speaks in it."""
    yield Gap(150)
    yield Paragraph([Span(title)], _TITLE)
    yield Paragraph([Span(subtitle)], _SUBTITLE)
    yield Rule(palette.FAINT, 24)
    for name, value in facts:
        yield _Fact(name, value)
    if tallies:
        yield Rule(palette.FAINT, 28)
    for tally in tallies:
        yield _Provider(tally)


def contents(heading: str, entries: Sequence[Entry]) -> Iterator[Block]:
    """All questions with their pages."""
    yield Paragraph([Span(heading)], _HEADING)
    gutter = 14 + 5.6 * len(str(entries[-1].number))
    for entry in entries:
        yield _ContentsLine(entry, gutter)
