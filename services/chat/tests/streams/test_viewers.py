"""A viewer at its own pace: pings when nothing comes, fewer and larger deltas when it lags."""

import asyncio
import contextlib
import json
import time
from datetime import UTC, datetime

import pytest

from webox_chat.live.frames import TextPiece
from webox_chat.live.transcript import Transcript
from webox_chat.messages.stored import StoredMessage
from webox_chat.replies.schemas import REPLY_FIELDS, StoredReply
from webox_chat.streams import service
from webox_chat.streams.positions import Position
from webox_chat.streams.responses import EventStreamResponse
from webox_chat.streams.service import Viewer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def running_reply(reply_id):
    fields = dict.fromkeys(REPLY_FIELDS)
    fields |= {"id": reply_id, "provider": f"P{reply_id}", "model": "m", "position": reply_id}
    fields |= {"status": "running", "attempt": 1, "content": "", "reasoning": "", "demo": False}
    return StoredReply(**fields | {"truncated": False, "context_cut": False, "created_at": NOW})


@pytest.fixture
def transcript():
    message = StoredMessage(1, 1, "q", NOW, age_ms=0)
    return Transcript(message, [running_reply(2), running_reply(3)])


@pytest.fixture
async def viewer(transcript):
    viewer = Viewer(transcript, Position.at_start(1), contextlib.nullcontext(transcript))
    yield viewer
    await viewer.close()


def say(transcript, reply_id, text):
    offset = len(transcript.replies[reply_id].text)
    assert transcript.take_pieces([TextPiece(reply_id, 1, offset, text)])


class Client:
    """What a server sends to; `blocked` is a reader that does not read."""

    def __init__(self):
        self.blocked = asyncio.Event()
        self.unblocked = asyncio.Event()
        self.chunks = []
        self.times = []
        self.hold = False

    async def __call__(self, message):
        if message["type"] != "http.response.body":
            return
        if self.hold:
            self.blocked.set()
            await self.unblocked.wait()
        self.chunks.append(message["body"])
        self.times.append(time.monotonic())

    def deltas(self):
        events = b"".join(self.chunks).split(b"\n\n")
        lines = [each.split(b"\n") for each in events if b"event: delta" in each]
        return [json.loads(each[2].removeprefix(b"data: ")) for each in lines]

    async def until(self, condition):
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - of a client, that has no event
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def streaming(viewer):
    client = Client()
    task = asyncio.create_task(EventStreamResponse(viewer).stream_response(client))
    await client.until(lambda: client.chunks)
    yield client, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_each_delta_comes_at_once_to_who_keeps_up(transcript, viewer):
    async with streaming(viewer) as (client, _):
        for number in range(5):
            say(transcript, 2, f"{number} ")
            await client.until(lambda number=number: len(client.deltas()) == number + 1)
        assert [each["text"] for each in client.deltas()] == ["0 ", "1 ", "2 ", "3 ", "4 "]


async def test_a_lagging_reader_gets_one_delta_of_a_provider_in_30_ms(transcript, viewer):
    async with streaming(viewer) as (client, _):
        client.hold = True
        say(transcript, 2, "first ")
        await client.blocked.wait()
        for number in range(50):
            say(transcript, 2, f"{number} ")
            say(transcript, 3, f"{number} ")
        client.hold = False
        began = time.monotonic()
        client.unblocked.set()
        await client.until(lambda: len(client.deltas()) == 3)
        first, *rest = client.deltas()
        assert (first["text"], first["reply_id"]) == ("first ", 2)
        everything = "".join(f"{number} " for number in range(50))
        assert [(each["reply_id"], each["text"]) for each in rest] == [
            (2, everything),
            (3, everything),
        ]
        assert client.times[-1] - began >= 0.025


async def test_a_reader_that_does_not_read_is_dropped_at_a_million(transcript, viewer):
    async with streaming(viewer) as (client, task):
        client.hold = True
        say(transcript, 2, "x")
        await client.blocked.wait()
        say(transcript, 2, "x" * service.MOST_BEHIND)
        await asyncio.sleep(0)
        assert not task.done()
        say(transcript, 3, "x")
        await asyncio.wait_for(task, 5)
        assert client.chunks[-1] != b"", "it has no end"


async def test_who_replays_much_slowly_is_not_dropped_for_it(transcript, viewer):
    say(transcript, 2, "x" * (2 * service.MOST_BEHIND))
    async with streaming(viewer) as (client, task):
        client.hold = True
        await client.blocked.wait()
        say(transcript, 3, "y" * 1000)
        await asyncio.sleep(0.01)
        assert not task.done()


async def test_a_ping_comes_when_nothing_else_does(transcript, monkeypatch):
    monkeypatch.setattr(service, "PING_SECONDS", 0.02)
    viewer = Viewer(transcript, Position.at_start(1), contextlib.nullcontext(transcript))
    async with streaming(viewer) as (client, _):
        await client.until(lambda: client.chunks.count(b": ping\n\n") >= 3)
    assert client.deltas() == []


async def test_a_transcript_that_breaks_off_ends_the_stream(transcript, viewer):
    async with streaming(viewer) as (client, task):
        transcript.break_off()
        await asyncio.wait_for(task, 5)
        assert b"event: done" not in b"".join(client.chunks)
