"""The event stream parser, on any division into reads."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webox_chat.providers.sse import EventParser, EventTooLargeError, ServerEvent

STREAM = (
    "\ufeffdata: un\n\n"
    ": a comment\n\n"
    "event: ping\ndata: {}\n\n"
    "id: 7\nretry: 10\ndata:deux\ndata: lignes é😀\n\n"
    "event: nothing\n\n"
    "data\n\n"
    "data:  spaced \n\n"
    "data: cut off"
).encode()
EVENTS = [
    ServerEvent("", b"un"),
    ServerEvent("ping", b"{}"),
    ServerEvent("", "deux\nlignes é😀".encode()),
    ServerEvent("", b""),
    ServerEvent("", b" spaced "),
]


@given(
    cuts=st.lists(st.integers(0, len(STREAM)), max_size=30),
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_events_do_not_depend_on_how_they_are_read(cuts: list[int], line_end: bytes) -> None:
    stream = STREAM.replace(b"\n", line_end)
    edges = [0, *sorted(cuts), len(stream)]
    parser = EventParser()
    events = [event for start, end in pairwise(edges) for event in parser.feed(stream[start:end])]
    assert events == EVENTS


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_byte_by_byte(line_end: bytes) -> None:
    stream = STREAM.replace(b"\n", line_end)
    parser = EventParser()
    assert [e for at in range(len(stream)) for e in parser.feed(stream[at : at + 1])] == EVENTS


def test_an_event_of_the_limit_passes_and_one_byte_more_does_not() -> None:
    line = b"data: " + b"x" * 94
    assert EventParser(100).feed(line + b"\n\n") == [ServerEvent("", b"x" * 94)]
    with pytest.raises(EventTooLargeError):
        EventParser(100).feed(line + b"x")


def test_many_short_lines_of_one_event_are_bounded_too() -> None:
    with pytest.raises(EventTooLargeError):
        EventParser(100).feed(b"data: 0123456789\n" * 100)
