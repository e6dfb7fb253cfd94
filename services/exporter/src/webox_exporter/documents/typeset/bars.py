"""Vertical bars beside messages and quotes, however many pages these go over."""

from dataclasses import dataclass

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus.flowables import Flowable


@dataclass(slots=True)
class _Bar:
    x: float
    top: float
    width: float
    colour: Color

    def draw(self, canvas: Canvas, bottom: float) -> None:
        if self.top - bottom > 1:
            canvas.saveState()
            canvas.setFillColor(self.colour)
            canvas.rect(self.x, bottom, self.width, self.top - bottom, stroke=0, fill=1)
            canvas.restoreState()


class Bars:
    """The bars open at this point of the document, the outermost first."""

    def __init__(self) -> None:
        self._open: list[_Bar] = []

    def begin(self, bar: _Bar) -> None:
        self._open.append(bar)

    def end(self, canvas: Canvas, bottom: float) -> None:
        self._open.pop().draw(canvas, bottom)

    def page_ends(self, canvas: Canvas, bottom: float) -> None:
        for bar in self._open:
            bar.draw(canvas, bottom)

    def page_begins(self, top: float) -> None:
        for bar in self._open:
            bar.top = top


class BarStart(Flowable):
    """From here on a bar stands `offset` points left of the text."""

    def __init__(self, bars: Bars, colour: Color, *, offset: float, width: float) -> None:
        super().__init__()
        self._bars, self._colour = bars, colour
        self._offset, self._width = offset, width

    def wrap(self, _available_width: float, _available_height: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        x, top = self.canv.absolutePosition(-self._offset, 0)
        self._bars.begin(_Bar(x, top, self._width, self._colour))


class BarEnd(Flowable):
    """The innermost bar ends here."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self._bars = bars

    def wrap(self, _available_width: float, _available_height: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        x, y = self.canv.absolutePosition(0, 0)
        self.canv.translate(-x, -y)  # bars are measured from the page's corner
        self._bars.end(self.canv, y)
