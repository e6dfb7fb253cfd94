"""CommonMark with a YAML front matter; each message under a heading that says who wrote it."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import BinaryIO

from webox_exporter.documents.labels import details_of, speaker_of, title_of
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.safe_markdown import safe_markdown
from webox_exporter.documents.sanitize import plain_text
from webox_exporter.documents.words import Words

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_UNPRINTABLE = re.compile("[^\t\n\r -~\xa0-\u200a\u2010-\u2027\u202f-\ud7ff\ue000-\ufefe"
                          "\uff00-\ufffd\U00010000-\U0010ffff]")  # fmt: skip


def render(
    conversation: Conversation, messages: Iterable[Message], words: Words, out: BinaryIO
) -> int:
    """Write the conversation as Markdown; returns how many messages were written."""
    out.write(_front_matter(conversation, words).encode())
    out.write(f"\n# {_literal(title_of(conversation, words))}\n".encode())
    written = 0
    for message in messages:
        out.write(_section(message, words).encode())
        written += 1
    return written


def _front_matter(conversation: Conversation, words: Words) -> str:
    fields = {
        "title": title_of(conversation, words),
        "folder": conversation.folder,
        "tags": list(conversation.tags),
        "favorite": conversation.is_favorite,
        "messages": conversation.message_count,
        "created_at": f"{conversation.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "updated_at": f"{conversation.updated_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    lines = [f"{name}: {_yaml(value)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, "---", ""])


def _yaml(value: object) -> str:
    """A YAML flow value: JSON is one, but for characters that YAML does not print."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _section(message: Message, words: Words) -> str:
    heading = f"{_literal(speaker_of(message, words))} · {_literal(details_of(message, words))}"
    return f"\n## {heading}\n\n{safe_markdown(message.content)}\n"


@lru_cache(maxsize=1000)
def _literal(text: str) -> str:
    """Text for one line of Markdown, in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", plain_text(" ".join(text.split())))
