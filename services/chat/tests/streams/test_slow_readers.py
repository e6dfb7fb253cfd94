"""A stream whose reader is slow: what happens between two of its events is not lost on it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from webox_chat.live.frames import TextPiece
from webox_chat.live.transcript import Transcript
from webox_chat.messages.stored import StoredMessage
from webox_chat.replies.schemas import StoredReply
from webox_chat.streams.events import next_events
from webox_chat.streams.positions import Position
from webox_chat.streams.service import MOST_BEHIND, Viewer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = 40_000
"""A text that takes several events."""


def stored(**changes):
    running = StoredReply(
        id=2,
        provider="GPT-4",
        model="ok",
        position=0,
        status="running",
        attempt=1,
        content="",
        reasoning="",
        error=None,
        finish_reason=None,
        truncated=False,
        context_cut=False,
        fallback=None,
        demo=False,
        input_tokens=None,
        output_tokens=None,
        cost=None,
        time_to_first_token_ms=None,
        total_ms=None,
        created_at=NOW,
        finished_at=None,
        superseded_by=None,
    )
    return replace(running, **changes)


def done(content, **changes):
    return stored(status="done", content=content, finished_at=NOW, **changes)


@pytest.fixture
def transcript():
    """Of a message with one running reply."""
    return Transcript(StoredMessage(1, 1, "Bonjour", NOW, age_ms=0), [stored()])


def parsed(event):
    fields = dict(line.split(": ", 1) for line in event.decode().strip().split("\n"))
    return fields["event"], orjson.loads(fields["data"])


def events_of(transcript, position):
    return [parsed(event) for event in next_events(transcript, position)]


def named(events):
    return [name for name, _ in events]


class TestBetweenTwoEvents:
    def test_another_attempt_that_has_ended_already_is_told_from_its_beginning(self, transcript):
        transcript.take_pieces([TextPiece(2, 1, 0, "a" * LONG)])
        position = Position.at_start(1)
        coming = next_events(transcript, position)
        events = [parsed(next(coming)), parsed(next(coming))]
        transcript.take_stored([done("b" * LONG, attempt=2)])
        events += [parsed(event) for event in coming]
        shown = ""
        for name, data in events:
            if name == "reset":
                shown = ""
            if name == "delta":
                assert data["offset"] == len(shown)
                shown += data["text"]
        assert shown == "b" * LONG
        assert named(events)[-2:] == ["reply", "done"]

    def test_a_retry_that_has_ended_already_is_told_before_the_one_done(self, transcript):
        transcript.take_stored([done("one")])
        position = Position.at_start(1)
        coming = next_events(transcript, position)
        events = [parsed(next(coming)), parsed(next(coming))]
        transcript.take_stored([done("one", superseded_by=3), done("two", id=3)])
        events += [parsed(event) for event in coming]
        events += events_of(transcript, position)
        assert named(events) == ["message", "delta", "reply", "message", "delta", "reply", "done"]


class TestWhatIsFinal:
    def test_a_look_into_sql_that_began_before_does_not_take_it_back(self, transcript):
        transcript.take_stored([done("text")])
        transcript.take_stored([stored()])
        assert transcript.is_final
        assert named(events_of(transcript, Position.at_start(1)))[-1] == "done"

    def test_a_frame_that_comes_late_does_not_bring_back_what_was_superseded(self, transcript):
        transcript.take_stored([done("text", superseded_by=3), done("again", id=3)])
        transcript.take_stored([done("text")])
        assert [each.id for each in transcript.current] == [3]


async def test_a_reader_that_is_too_slow_is_dropped_whatever_comes_until_it_is_gone(transcript):
    class Watching:
        async def __aexit__(self, *_):
            pass

    viewer = Viewer(transcript, Position.at_start(1), Watching())
    await anext(viewer.chunks())
    waiting = asyncio.get_running_loop().create_future()

    async def reader():
        async with viewer.sending():
            await waiting

    reading = asyncio.create_task(reader())
    await asyncio.sleep(0)
    offset = 0
    while not reading.done():
        text = "x" * (MOST_BEHIND + 1 if offset == 0 else 1)
        transcript.take_pieces([TextPiece(2, 1, offset, text)])
        offset += len(text)
        await asyncio.sleep(0)
    assert isinstance(reading.exception(), TimeoutError)
    await viewer.close()
