"""Server-sent events, parsed as they arrive.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
Works on bytes, so that a character or a line end split between two reads does no harm. An event
that the stream's end cuts off is dropped, as the standard says.
"""

from dataclasses import dataclass

LARGEST_EVENT_BYTES = 4 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLargeError(Exception):
    """One event is larger than anything a provider sends."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """`name` is empty for an event without a type."""

    name: str
    data: bytes


class EventParser:
    """Feed it what was read; it gives back the events that have become complete."""

    def __init__(self, largest_event: int = LARGEST_EVENT_BYTES) -> None:
        self._largest = largest_event
        self._line_parts: list[bytes] = []
        self._line_bytes = 0
        self._after_cr = False
        self._at_start = True
        self._name = ""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events completed by these bytes.

        Raises:
            EventTooLargeError: a line or an event passed the limit.
        """
        *lines, rest = self._with_newlines(chunk).split(b"\n")
        events = []
        for line in lines:
            event = self._line(self._whole_line(line))
            if event is not None:
                events.append(event)
        self._keep(rest)
        return events

    def _with_newlines(self, chunk: bytes) -> bytes:
        """LF for CR LF and CR; a CR LF split between two reads counts once."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" not in chunk:
            return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _whole_line(self, end: bytes) -> bytes:
        self._keep(end)
        line = b"".join(self._line_parts)
        self._line_parts.clear()
        self._line_bytes = 0
        if self._at_start:
            self._at_start = False
            return line.removeprefix(_BYTE_ORDER_MARK)
        return line

    def _keep(self, part: bytes) -> None:
        self._line_bytes += len(part)
        if self._line_bytes + self._data_bytes > self._largest:
            raise EventTooLargeError
        if part:
            self._line_parts.append(part)

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_bytes += len(value)
        elif field == b"event":
            self._name = value.decode(errors="replace")
        return None

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = "", [], 0
        return ServerEvent(name, b"\n".join(data)) if data else None
