"""Where a viewer stands in a message's stream: what every event's id says.

An id holds how far each reply has been told, so that any process can go on after it from what SQL
holds, whatever became of Redis: `12.1.340~13.1.88f` is 340 code points of the first attempt of the
reply 12 past the message's id, and all of 13, with its end.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from webox_chat.live.transcript import Transcript
from webox_kit.errors import BadRequestError

_DONE = "done"
_TOLD = re.compile(r"(\d{1,18})\.(\d{1,9})\.(\d{1,9})(f?)", re.ASCII)


@dataclass(slots=True)
class Told:
    """How much of a reply was told: `offset` code points of `attempt`, and whether its end."""

    attempt: int = 0
    offset: int = 0
    ended: bool = False


class Position:
    """`told` by reply id; `done` when the stream's last event was."""

    def __init__(self, message_id: int, told: dict[int, Told], *, done: bool = False) -> None:
        self._message_id = message_id
        self.told = told
        self.done = done

    @classmethod
    def at_start(cls, message_id: int) -> "Position":
        return cls(message_id, {})

    @classmethod
    def parse(cls, event_id: str, transcript: Transcript) -> "Position":
        """The position after the event with this id.

        Raises:
            BadRequestError: this message's stream never had such an event.
        """
        message_id = transcript.message.id
        *parts, last = event_id.split("~")
        done = last == _DONE
        told = dict(_parsed(parts if done else [*parts, last], message_id))
        position = cls(message_id, told, done=done)
        if not told or not all(_can_have_been(each, transcript) for each in told.items()):
            raise _never_was()
        return position

    @property
    def event_id(self) -> str:
        parts = [
            f"{reply_id - self._message_id}.{told.attempt}.{told.offset}{'f' * told.ended}"
            for reply_id, told in self.told.items()
        ]
        return "~".join([*parts, _DONE] if self.done else parts)


def _parsed(parts: Iterable[str], message_id: int) -> Iterable[tuple[int, Told]]:
    for part in parts:
        match = _TOLD.fullmatch(part)
        if match is None:
            raise _never_was()
        distance, attempt, offset = (int(each) for each in match.groups()[:3])
        yield message_id + distance, Told(attempt, offset, match[4] == "f")


def _can_have_been(told_of: tuple[int, Told], transcript: Transcript) -> bool:
    reply_id, told = told_of
    reply = transcript.replies.get(reply_id)
    if reply is None or told.attempt > max(reply.attempt, reply.stored.attempt):
        return False
    if not reply.is_final:
        return not told.ended
    return told.attempt < reply.attempt or told.offset <= len(reply.text)


def _never_was() -> BadRequestError:
    return BadRequestError("The Last-Event-ID is not one that this stream gave out.")
