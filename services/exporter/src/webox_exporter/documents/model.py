"""What a renderer is given: a conversation's header, and its messages one by one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal

from webox_exporter.documents.words import Words

Role = Literal["user", "assistant", "system"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is known of a conversation before its first message is read."""

    id: int
    title: str
    folder: str
    tags: tuple[str, ...]
    is_favorite: bool
    message_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message or reply, as it is printed. `content` is Markdown, and not to be trusted."""

    id: int
    role: Role
    content: str
    created_at: datetime
    provider: str | None = None
    model: str | None = None
    status: str = "done"
    demo: bool = False


Renderer = Callable[[Conversation, Iterable[Message], Words, BinaryIO], int]
"""Writes one document and returns how many messages it wrote."""
