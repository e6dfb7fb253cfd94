"""The line above a message: who speaks on a coloured ground, then model, date and marks."""

from reportlab.lib.colors import Color
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus.flowables import Flowable

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.chains import Run, sans
from webox_exporter.documents.typeset.page import draw_runs, fitted

_SIZE = 8.5
_HEIGHT = 16.0
_PADDING = 6.0


class MessageLabel(Flowable):
    """Speaker and details in one line; `bookmark` makes it an entry of the outline."""

    def __init__(
        self, speaker: str, details: str, colour: Color, bookmark: tuple[str, str] | None = None
    ) -> None:
        super().__init__()
        self._speaker, self._details, self._colour = speaker, details, colour
        self._bookmark = bookmark
        self.spaceBefore = 12
        self.spaceAfter = 6

    def wrap(self, available_width: float, _available_height: float) -> tuple[float, float]:
        self.width, self.height = available_width, _HEIGHT
        return available_width, _HEIGHT

    def draw(self) -> None:
        canvas = self.canv
        speaker = fitted(sans(bold=True), self._speaker, _SIZE, self.width / 3)
        pill = _length(speaker) + 2 * _PADDING
        canvas.setFillColor(self._colour)
        canvas.roundRect(0, 0, pill, _HEIGHT, 3, stroke=0, fill=1)
        draw_runs(canvas, _PADDING, 4.7, speaker, palette.WHITE, _SIZE)
        details = fitted(sans(), self._details, _SIZE, self.width - pill - _PADDING)
        draw_runs(canvas, pill + _PADDING, 4.7, details, palette.MUTED, _SIZE)
        if self._bookmark:
            key, title = self._bookmark
            canvas.bookmarkHorizontal(key, 0, _HEIGHT + 4)
            canvas.addOutlineEntry(title, key, 0)


def _length(runs: list[Run]) -> float:
    return sum(stringWidth(run.text, run.font, _SIZE) for run in runs)
