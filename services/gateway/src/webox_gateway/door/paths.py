"""Which paths may pass the door at all.

Services see the path as the client wrote it, decoded once by their own server, because a tag in
a path may hold any text. What must never pass is a path that some reading of it, ours, a
proxy's or an HTTP client's, turns into one that is not public.
"""

import re
from urllib.parse import unquote

_PLAIN = re.compile(r"(?!/internal)(?:/[A-Za-z0-9_:@.-]*[A-Za-z0-9_:@-])+/?", re.IGNORECASE)
"""Paths that every reading takes for the same, e.g. `/api/chat/conversations/12`."""

_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?=[/;]|$)", re.IGNORECASE)
_MOST_DECODINGS = 4
_HIDDEN = "internal"


def is_public(raw_path: str) -> bool:
    """Whether `raw_path`, as it stood in the request line, may go any further.

    Not: `/internal` in any spelling (encoded, doubled or back slashes, dot segments, parameters
    behind `;`, any case), and whatever an HTTP client would rewrite on the way.
    """
    if _PLAIN.fullmatch(raw_path):
        return True
    if "\\" in raw_path or _DOT_SEGMENT.search(raw_path):
        return False
    return all(_first_segment(reading) != _HIDDEN for reading in _readings(raw_path))


def _readings(path: str) -> list[str]:
    """`path`, and what it becomes when it is decoded again and again."""
    readings = [path]
    while len(readings) <= _MOST_DECODINGS and (decoded := unquote(readings[-1])) != readings[-1]:
        readings.append(decoded)
    return readings


def _first_segment(path: str) -> str:
    """The first segment after everything a server may do to a path has been done to it."""
    segments: list[str] = []
    for written in path.replace("\\", "/").split("/"):
        segment = written.partition(";")[0].strip().casefold()
        if segment == "..":
            segments = segments[:-1]
        elif segment not in {"", "."}:
            segments.append(segment)
    return segments[0] if segments else ""
