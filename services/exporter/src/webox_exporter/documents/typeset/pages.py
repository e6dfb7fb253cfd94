"""The pages: filled as the document is read, with running title and page numbers."""

from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.block import Block
from webox_exporter.documents.typeset.chains import sans
from webox_exporter.documents.typeset.label import fitted
from webox_exporter.documents.typeset.metadata import About, describe
from webox_exporter.documents.typeset.pen import Pen
from webox_exporter.documents.typeset.styles import (
    FOOT,
    MARGIN,
    PAGE_HEIGHT,
    TEXT_HEIGHT,
    TEXT_WIDTH,
)
from webox_exporter.documents.typeset.wording import furniture, words_of

_TOTAL_FORM = "page-total"
_SIZE = 8.0
_UNLIMITED = 1e6
_BOTTOM = MARGIN

rl_config.useA85 = 0  # binary streams: a fifth smaller than reportlab's default


class Pages:
    """An A4 document whose blocks are set as they come, and not kept.

    Its front matter, which says what is in it, is made when all is known, and put first.
    """

    def __init__(self, out: BinaryIO, about: About, page_of: tuple[str, str]) -> None:
        self.number = 0
        """The number of the page under way; 0 before the first."""
        initial_font: Any = sans().first.font.fontName
        self.canvas = Canvas(
            out,
            pagesize=A4,
            pageCompression=1,
            initialFontName=initial_font,  # or Helvetica is named, not embedded
            lang=about.language,
        )
        self.pen = Pen(self.canvas)
        self._about = about
        self._page, self._of = page_of
        self._top = _BOTTOM
        self._furnish: Callable[[], None] = self._body_furniture
        describe(self.canvas, about)

    def add(self, block: Block) -> None:
        """Put the block where the last one ended, going on overleaf as often as it takes."""
        if self._top - _BOTTOM < block.needs:
            self._turn()
        waiting: Block | None = block
        while waiting is not None:
            placed = waiting.place(TEXT_WIDTH, self._top - _BOTTOM)
            if placed.block is None and placed.rest is not None and self._is_empty:
                placed = waiting.place(TEXT_WIDTH, _UNLIMITED)
            if placed.block is not None:
                placed.block.draw(self.pen, MARGIN, self._top, TEXT_WIDTH)
                self._top -= placed.height
            waiting = placed.rest
            if waiting is not None:
                self._turn()

    @property
    def _is_empty(self) -> bool:
        return self._top >= _BOTTOM + TEXT_HEIGHT

    def _turn(self) -> None:
        """A new page, unless nothing stands on this one yet."""
        if self.number and self._is_empty:
            return
        if self.number:
            self.canvas.showPage()
        self.number += 1
        self._top = _BOTTOM + TEXT_HEIGHT
        self._furnish()

    def _body_furniture(self) -> None:
        """Running title and `Page 3 of 12`."""
        look = furniture(_SIZE, palette.MUTED)
        height = PAGE_HEIGHT - MARGIN * 0.68
        self.pen.line(MARGIN, height, fitted(self._about.title, look, TEXT_WIDTH))
        self.pen.rectangle(MARGIN, height - 6, TEXT_WIDTH, 0.4, palette.FAINT)
        count = words_of([(f"{self._page} {self.number} {self._of} ", look)])
        end = self.pen.line(MARGIN, FOOT * 0.7, count)
        self.canvas.saveState()
        self.canvas.translate(end, FOOT * 0.7)
        self.canvas.doForm(_TOTAL_FORM)
        self.canvas.restoreState()

    def finish_body(self) -> int:
        """The number of pages is known now; every page refers to it. Returns it."""
        if not self.number:
            self._turn()
        self.canvas.showPage()
        total = self.number
        self.canvas.beginForm(_TOTAL_FORM, lowery=-4, upperx=60, uppery=12)
        self.pen.line(0, 0, words_of([(str(total), furniture(_SIZE, palette.MUTED))]))
        self.canvas.endForm()
        return total

    def add_front(self, pages: Iterable[Iterable[Block]]) -> None:
        """Set the front matter, a sequence of blocks for each part, and put it first."""
        raw: Any = self.canvas
        tree = raw._doc.Pages.pages  # noqa: SLF001 - reportlab cannot move pages
        body = len(tree)
        self._furnish = lambda: None
        for part in pages:
            self.number = 0
            self._turn()
            for block in part:
                self.add(block)
            self.canvas.showPage()
        front = len(tree) - body
        tree[:] = tree[body:] + tree[:body]
        self.canvas.addPageLabel(0, style="ROMAN_LOWER", start=1)
        self.canvas.addPageLabel(front, style="ARABIC", start=1)

    def save(self) -> None:
        """Write the file."""
        self.canvas.save()
