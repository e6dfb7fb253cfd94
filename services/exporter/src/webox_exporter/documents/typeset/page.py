"""The pages: a document fed as it is read, with running title, page numbers and bars."""

from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import Any, BinaryIO

from reportlab import rl_config
from reportlab.lib.colors import Color
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import ActionFlowable, BaseDocTemplate, Frame, PageTemplate
from reportlab.platypus.flowables import Flowable

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.bars import Bars
from webox_exporter.documents.typeset.chains import FontChain, Run, sans
from webox_exporter.documents.typeset.styles import (
    FOOT,
    MARGIN,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    TEXT_HEIGHT,
    TEXT_WIDTH,
)

_TOTAL_FORM = "page-total"
_FURNITURE_SIZE = 8.0

rl_config.useA85 = 0  # binary streams: a fifth smaller than reportlab's default


class _Feed(list[Flowable]):
    """A list that takes the next flowable from an iterator when it has run empty."""

    def __init__(self, flowables: Iterable[Flowable]) -> None:
        super().__init__()
        self._source = iter(flowables)

    def __len__(self) -> int:
        if not super().__len__():
            self.extend(islice(self._source, 1))
        return super().__len__()


class _Then(ActionFlowable):
    """Does something when everything before it has been set."""

    def __init__(self, action: Callable[[], None]) -> None:
        super().__init__()
        self._action = action

    def apply(self, doc: BaseDocTemplate) -> None:  # noqa: ARG002 - the base class's signature
        self._action()


class Pages(BaseDocTemplate):
    """An A4 document whose flowables are set as they come, and not kept."""

    def __init__(
        self,
        out: BinaryIO,
        bars: Bars,
        *,
        title: str,
        subject: str,
        keywords: list[str],
        language: str,
        page_word: str,
    ) -> None:
        super().__init__(
            out,
            title=title,
            subject=subject,
            keywords=keywords,
            lang=language,
            author="Webox",
            creator="Webox",
            initialFontName=sans().font,  # or reportlab names Helvetica, which is not embedded
        )
        self._bars = bars
        self._running_title = title
        self._page_word = page_word
        frame = Frame(MARGIN, MARGIN, TEXT_WIDTH, TEXT_HEIGHT, 0, 0, 0, 0, id="text")
        self.addPageTemplates([PageTemplate("page", [frame], onPage=self._furnish)])

    def set(self, flowables: Iterable[Flowable]) -> None:
        """Set everything, page after page, and write the file."""
        self.build(_Feed(chain(flowables, [_Then(self._define_total)])))

    def handle_pageBegin(self) -> None:  # noqa: N802 - the base class's name
        super().handle_pageBegin()
        self._bars.page_begins(MARGIN + TEXT_HEIGHT)

    def handle_pageEnd(self) -> None:  # noqa: N802 - the base class's name
        frame: Any = self.frame
        self._bars.page_ends(self.canv, frame._y)  # noqa: SLF001 - where the text ended
        super().handle_pageEnd()

    def _furnish(self, canvas: Canvas, _document: BaseDocTemplate) -> None:
        """Running title from the second page on, and `Page 3 / 12` on all."""
        if self.page > 1:
            title = fitted(sans(), self._running_title, _FURNITURE_SIZE, TEXT_WIDTH)
            draw_runs(canvas, MARGIN, PAGE_HEIGHT - MARGIN * 0.7, title, palette.MUTED)
        count = f"{self._page_word} {self.page} / "
        digits = stringWidth("00", sans().font, _FURNITURE_SIZE)
        start = PAGE_WIDTH - MARGIN - digits - stringWidth(count, sans().font, _FURNITURE_SIZE)
        draw_runs(canvas, start, FOOT * 0.7, sans().runs(count), palette.MUTED)
        canvas.saveState()
        canvas.translate(PAGE_WIDTH - MARGIN - digits, FOOT * 0.7)
        canvas.doForm(_TOTAL_FORM)
        canvas.restoreState()

    def _define_total(self) -> None:
        """The number of pages is known now; every page refers to it."""
        canvas = self.canv
        canvas.beginForm(_TOTAL_FORM, lowery=-4, upperx=60, uppery=12)
        draw_runs(canvas, 0, 0, sans().runs(str(self.page)), palette.MUTED)
        canvas.endForm()


def fitted(chain: FontChain, text: str, size: float, width: float) -> list[Run]:
    """The text's runs, cut with an ellipsis where they would be wider than `width`."""
    runs = chain.runs(text)
    while text and sum(stringWidth(run.text, run.font, size) for run in runs) > width:
        text = text[: -max(1, len(text) // 20)]
        runs = chain.runs(text.rstrip() + "…")
    return runs


def draw_runs(
    canvas: Canvas,
    x: float,
    y: float,
    runs: Iterable[Run],
    colour: Color,
    size: float = _FURNITURE_SIZE,
) -> float:
    """Draw one line from `x` on; returns where it ended."""
    canvas.setFillColor(colour)
    for run in runs:
        canvas.setFont(run.font, size)
        canvas.drawString(x, y, run.text)
        x += stringWidth(run.text, run.font, size)
    return x
