"""Blocks: what a page is filled with from top to bottom, and what can go on overleaf."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Optional

from reportlab.lib.colors import Color

from webox_exporter.documents.typeset.pen import Pen

_NARROWEST = 120.0
"""However deep lists and quotes go, this much is left for their text."""


class Placed(NamedTuple):
    """What of a block fits, how high that is with the space after it, and what is left over."""

    block: Optional["Block"]
    height: float
    rest: Optional["Block"] = None


class Block(ABC):
    """Something that stands on a page, or on several."""

    needs: float = 0.0
    """With less room than this it begins on the next page."""

    @abstractmethod
    def place(self, width: float, room: float) -> Placed:
        """As much of it as `room` has place for; nothing when a beginning would look odd."""

    @abstractmethod
    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        """Draw it, as it was placed, below `top`."""

    def fits(self, width: float) -> bool:  # noqa: ARG002 - what most blocks can do
        """Whether it looks well in a column as narrow as this."""
        return True


class Gap(Block):
    """Empty space, which vanishes at a page's end."""

    def __init__(self, height: float) -> None:
        self._height = height

    def place(self, width: float, room: float) -> Placed:  # noqa: ARG002 - it is as wide as may be
        return Placed(self, min(self._height, room))

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        """Nothing is seen of it."""


class Rule(Block):
    """A thin line across, in the middle of its own space."""

    def __init__(self, colour: Color, space: float) -> None:
        self._colour, self._space = colour, space

    def place(self, width: float, room: float) -> Placed:  # noqa: ARG002 - as wide as may be
        return Placed(self, self._space) if room >= self._space else Placed(None, 0, self)

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        pen.rectangle(x, top - self._space / 2, width, 0.6, self._colour)


class Stack(Block):
    """Blocks one below the other."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = deque(blocks)
        self._heights: list[float] = []

    @property
    def needs(self) -> float:  # type: ignore[override] # as its first block does
        return self._blocks[0].needs if self._blocks else 0

    def fits(self, width: float) -> bool:
        return all(block.fits(width) for block in self._blocks)

    def place(self, width: float, room: float) -> Placed:
        placed: list[Block] = []
        heights: list[float] = []
        waiting = self._blocks.copy()
        height = 0.0
        while waiting and not (placed and room - height < waiting[0].needs):
            found = waiting[0].place(width, room - height)
            if found.block is not None:
                placed.append(found.block)
                heights.append(found.height)
                height += found.height
            if found.rest is not None:
                waiting[0] = found.rest
                break
            waiting.popleft()
        rest = Stack(waiting) if waiting else None
        if not placed:
            return Placed(None, 0, rest)
        whole = Stack(placed)
        whole._heights = heights
        return Placed(whole, height, rest)

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        for block, height in zip(self._blocks, self._heights, strict=True):
            block.draw(pen, x, top, width)
            top -= height


class Inset(Block):
    """A block further in, with a bar beside it if it has a colour.

    Mirrored, for right-to-left text, it is indented on the right.
    """

    def __init__(
        self,
        block: Block,
        indent: float,
        bar: Color | None = None,
        *,
        bar_width: float = 2.0,
        mirrored: bool = False,
    ) -> None:
        self._block = block
        self._indent = indent
        self._bar, self._bar_width = bar, bar_width
        self._mirrored = mirrored
        self._height = 0.0

    @property
    def needs(self) -> float:  # type: ignore[override] # as the block inside does
        return self._block.needs

    def fits(self, width: float) -> bool:
        return self._block.fits(width - self._indent)

    def place(self, width: float, room: float) -> Placed:
        block, height, rest = self._block.place(self._inner(width), room)
        placed = None if block is None else self._around(block, height)
        return Placed(placed, height, None if rest is None else self._around(rest, 0))

    def draw(self, pen: Pen, x: float, top: float, width: float) -> None:
        inner = self._inner(width)
        if self._bar is not None and self._height:
            at = x + width - self._bar_width if self._mirrored else x
            pen.rectangle(at, top - self._height, self._bar_width, self._height, self._bar)
        self._block.draw(pen, x if self._mirrored else x + width - inner, top, inner)

    def _inner(self, width: float) -> float:
        return max(width - self._indent, min(_NARROWEST, width))

    def _around(self, block: Block, height: float) -> "Inset":
        inset = Inset(block, self._indent, self._bar,
                      bar_width=self._bar_width, mirrored=self._mirrored)  # fmt: skip
        inset._height = height
        return inset
