"""JSON with all that chat keeps: branches, attempts, superseded and failed replies, exact costs.

`conversation.schema.json` beside this file says what is in it. An entry a line, so that neither
who writes one nor who reads one needs to hold it whole.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, BinaryIO

import orjson

from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.sanitize import without_lone_surrogates
from webox_exporter.documents.words import Words

VERSION = 1
"""Of the format: raised by a change that a reader of the earlier one would misunderstand."""

_ENTRY = ("id", "role", "parent_id", "content", "created_at")
_OF_CONVERSATION = (
    "id",
    "title",
    "folder",
    "tags",
    "is_favorite",
    "archived",
    "message_count",
    "created_at",
    "updated_at",
)
_OF_QUESTION = (*_ENTRY, "system", "temperature", "max_tokens", "stop")
_OF_REPLY = (
    *_ENTRY,
    "provider",
    "model",
    "position",
    "demo",
    "status",
    "attempt",
    "superseded_by",
    "reasoning",
    "error",
    "finish_reason",
    "truncated",
    "context_cut",
    "fallback",
    "input_tokens",
    "output_tokens",
    "cost",
    "time_to_first_token_ms",
    "total_ms",
    "started_at",
    "finished_at",
)


def render(
    conversation: Conversation, messages: Iterable[Message], words: Words, out: BinaryIO
) -> int:
    """Write the conversation; returns how many of the messages that count were written."""
    del words  # it has none
    out.write(b'{"format":"webox-conversation","version":%d,"conversation":' % VERSION)
    out.write(_json(_members(conversation, _OF_CONVERSATION)))
    out.write(b',"messages":[')
    entries = counting = 0
    for message in messages:
        out.write((b",\n" if entries else b"\n") + _json(_entry(message)))
        entries += 1
        counting += message.counts
    out.write(b'\n],"entry_count":%d}\n' % entries)
    return counting


def _entry(message: Message) -> dict[str, Any]:
    return _members(message, _OF_REPLY if message.role == "assistant" else _OF_QUESTION)


def _members(thing: Conversation | Message, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def _json(members: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(members, _plain, orjson.OPT_UTC_Z)
    except TypeError:  # orjson refuses lone surrogates
        return orjson.dumps(without_lone_surrogates(members), _plain, orjson.OPT_UTC_Z)


def _plain(value: object) -> str:
    """A cost as the shortest decimal that is exactly it."""
    assert isinstance(value, Decimal)  # noqa: S101 - nothing else here is strange to orjson
    return f"{value.normalize():f}"
