"""Answers side by side, each in a column of its own that goes on overleaf."""

from collections.abc import Sequence

from webox_exporter.documents.typeset.block import Block, Placed, Stack
from webox_exporter.documents.typeset.pen import Pen

_GAP = 14.0
_LEAST_ROOM = 90.0


class Column(Block):
    """Blocks below a label, which is repeated, in short, where the column goes on overleaf."""

    def __init__(self, label: Block, again: Block, inner: Block) -> None:
        self._again = again
        self._inner = inner
        self._whole = Stack([label, inner])

    def fits(self, width: float) -> bool:
        return self._inner.fits(width)

    def place(self, width: float, room: float) -> Placed:
        block, height, rest = self._whole.place(width, room)
        if rest is None or block is None:
            return Placed(block, height, None if rest is None else self)
        return Placed(block, height, Column(self._again, self._again, rest))

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        self._whole.draw(pen, x, top, width)


class Columns(Block):
    """Two or three columns of the same width. One that has ended leaves its place empty."""

    needs = _LEAST_ROOM

    def __init__(self, columns: Sequence[Block | None]) -> None:
        self._columns = columns

    def place(self, width: float, room: float) -> Placed:
        each = width_of_each(width, len(self._columns))
        placed = [column and column.place(each, room) for column in self._columns]
        if any(found and found.block is None and found.rest for found in placed):
            return Placed(None, 0, self)
        height = max((found.height for found in placed if found), default=0.0)
        rests = [found and found.rest for found in placed]
        rest = Columns(rests) if any(rests) else None
        return Placed(Columns([found and found.block for found in placed]), height, rest)

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        each = width_of_each(width, len(self._columns))
        for column in self._columns:
            if column is not None:
                column.draw(pen, x, top, each)
            x += each + _GAP


def width_of_each(width: float, columns: int) -> float:
    """Of so many columns that stand side by side."""
    return (width - _GAP * (columns - 1)) / columns
