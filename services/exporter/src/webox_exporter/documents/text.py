"""Plain text: a header, then every message under a line that says who wrote it and when."""

from collections.abc import Iterable
from typing import BinaryIO

from webox_exporter.documents.labels import details_of, facts_of, speaker_of, title_of
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.sanitize import plain_text
from webox_exporter.documents.words import Words

_RULE = "=" * 72


def render(
    conversation: Conversation, messages: Iterable[Message], words: Words, out: BinaryIO
) -> int:
    """Write the conversation as UTF-8 text; returns how many messages were written."""
    out.write(_head(conversation, words).encode())
    written = 0
    for message in messages:
        out.write(_entry(message, words).encode())
        written += 1
    return written


def _head(conversation: Conversation, words: Words) -> str:
    facts = (f"{label}{words.colon}{value}" for label, value in facts_of(conversation, words))
    return plain_text("\n".join([title_of(conversation, words), _RULE, *facts, ""]))


def _entry(message: Message, words: Words) -> str:
    label = f"[{speaker_of(message, words)}] {details_of(message, words)}"
    body = plain_text(message.content).rstrip()
    return f"\n{plain_text(label)}\n\n{body}\n\n{_RULE.replace('=', '-')}\n"
