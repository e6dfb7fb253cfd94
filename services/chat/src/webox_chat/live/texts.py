"""A text that grows, and is read from anywhere."""

from io import StringIO


class GrowingText:
    """Lengths and offsets are in code points. Neither growing nor reading copies the whole."""

    def __init__(self, text: str = "") -> None:
        self._buffer = StringIO(text)
        self._length = len(text)

    def __len__(self) -> int:
        return self._length

    def __str__(self) -> str:
        return self._buffer.getvalue()

    def append(self, text: str) -> None:
        self._buffer.seek(self._length)
        self._buffer.write(text)
        self._length += len(text)

    def since(self, offset: int, most: int | None = None) -> str:
        """What stands at `offset` and after, at most `most` code points of it."""
        self._buffer.seek(offset)
        return self._buffer.read(-1 if most is None else most)
