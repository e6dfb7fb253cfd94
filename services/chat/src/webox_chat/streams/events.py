"""A stream's events, as they follow from a transcript and what of it was told already.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import Iterator
from typing import Any

import orjson

from webox_chat.live.transcript import LiveReply, Transcript
from webox_chat.messages.answers import problem_of, send_answer, state_of
from webox_chat.streams.positions import Position, Told

MOST_TEXT = 16_384
"""A longer text takes several `delta` events, so that its reader can begin, and can be slow."""


def next_events(transcript: Transcript, position: Position) -> Iterator[bytes]:
    """What has not been told yet; moves `position` past each event that is taken."""
    yield from _message(transcript, position)
    for reply_id, told in position.told.items():
        reply = transcript.replies.get(reply_id)
        if reply is not None and not told.ended:
            yield from _of_reply(reply, told, position)
    if transcript.is_final and not position.done and _all_told(transcript, position):
        position.done = True
        yield _event(position, "done", _answer(transcript).model_dump(mode="json"))


def has_more(transcript: Transcript, position: Position) -> bool:
    """Whether a viewer at `position` has anything to wait for."""
    return not position.done or not _knows_all(transcript, position)


def _message(transcript: Transcript, position: Position) -> Iterator[bytes]:
    """The replies there are: first of all, and again when one is retried."""
    if _knows_all(transcript, position):
        return
    for reply in transcript.current:
        position.told.setdefault(reply.id, Told())
    position.done = False
    yield _event(
        position,
        "message",
        {
            "conversation_id": transcript.message.conversation_id,
            "message_id": transcript.message.id,
            "replies": [
                {
                    "id": each.id,
                    "provider": each.stored.provider,
                    "model": each.stored.model,
                }
                for each in transcript.current
            ],
        },
    )


def _of_reply(reply: LiveReply, told: Told, position: Position) -> Iterator[bytes]:
    named = {"provider": reply.stored.provider, "reply_id": reply.id}
    # Its reader may be slow: between two events another attempt may have begun, or ended.
    while told.attempt != reply.attempt or told.offset < len(reply.text):
        if told.attempt != reply.attempt:
            shown = told.offset > 0
            told.attempt, told.offset = reply.attempt, 0
            if shown:
                yield _event(position, "reset", named)
            continue
        offset = told.offset
        text = reply.text.since(offset, MOST_TEXT)
        told.offset += len(text)
        yield _event(position, "delta", {**named, "offset": offset, "text": text})
    if reply.is_final:
        told.ended = True
        yield _end(reply, position)


def _end(reply: LiveReply, position: Position) -> bytes:
    stored = reply.stored
    if stored.status == "failed":
        failed = {"provider": stored.provider, "reply_id": stored.id, "problem": problem_of(stored)}
        return _event(position, "error", failed)
    state = state_of(stored).model_dump(mode="json")
    return _event(
        position, "reply", {**state, "provider": stored.provider, "content": stored.content}
    )


def _answer(transcript: Transcript) -> Any:
    return send_answer(transcript.message, [each.stored for each in transcript.current])


def _knows_all(transcript: Transcript, position: Position) -> bool:
    return all(each.id in position.told for each in transcript.current)


def _all_told(transcript: Transcript, position: Position) -> bool:
    """Not while there is a reply that came after the last `message`."""
    return _knows_all(transcript, position) and all(t.ended for t in position.told.values())


def _event(position: Position, name: str, data: object) -> bytes:
    # orjson writes no line ends, so that the data is one line.
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        position.event_id.encode(),
        name.encode(),
        orjson.dumps(data),
    )
