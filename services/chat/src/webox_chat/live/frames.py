"""What passes between workers and HTTP processes, through Redis, while replies are made.

It is all hints. What a frame says is in SQL as well, or will be; text that is lost is asked for
again from the worker that has it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from webox_chat.replies.schemas import StoredReply
from webox_kit.signals import send_signal, send_signals

TEXT = "chat.text"
"""What replies of a message have come to; by message id. Only viewers listen."""

REPLIES = "chat.replies"
"""Replies of a message that are final now, or (empty) that something changed; by message id."""

WORKERS = "chat.workers"
"""What workers are asked; under one key, `ALL`."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Text of a reply's attempt, from `offset` (in code points) on."""

    reply_id: int
    attempt: int
    offset: int
    text: str


def encoded_pieces(pieces: Iterable[TextPiece]) -> bytes:
    return orjson.dumps([(each.reply_id, each.attempt, each.offset, each.text) for each in pieces])


def decoded_pieces(payload: bytes) -> list[TextPiece]:
    return [TextPiece(*each) for each in orjson.loads(payload)]


async def send_finals(redis: Redis, by_message: Mapping[int, Sequence[StoredReply]]) -> None:
    """Tell who waits for these messages that these replies of them are final."""
    payloads = {
        message_id: orjson.dumps(replies, default=str) for message_id, replies in by_message.items()
    }
    await send_signals(redis, REPLIES, payloads)


async def send_changed(redis: Redis, *message_ids: int) -> None:
    """Tell who waits for these messages to look into SQL."""
    await send_signals(redis, REPLIES, dict.fromkeys(message_ids, b""))


def decoded_finals(payload: bytes) -> list[StoredReply]:
    return [StoredReply.from_json(each) for each in orjson.loads(payload)] if payload else []


@dataclass(frozen=True, slots=True)
class WorkerCall:
    """`show` is a message whose replies' text so far somebody wants to see, `cancel` reply ids."""

    show: int | None = None
    cancel: tuple[int, ...] = ()


async def call_workers(redis: Redis, call: WorkerCall) -> None:
    await send_signal(redis, WORKERS, ALL, orjson.dumps(call))


def decoded_call(payload: bytes) -> WorkerCall:
    value: dict[str, Any] = orjson.loads(payload)
    return WorkerCall(value["show"], tuple(value["cancel"]))
