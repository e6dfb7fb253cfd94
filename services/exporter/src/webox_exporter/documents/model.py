"""What a renderer is given: a conversation's header, and its messages one by one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO, Literal

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
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message or reply. `content` is Markdown, and not to be trusted.

    A reply's `parent_id` is the message that it answers, and it follows that in the document. Costs
    are in US dollars, exact; times in milliseconds. What is not known is None.
    """

    id: int
    role: Role
    content: str
    created_at: datetime
    provider: str | None = None
    model: str | None = None
    status: str = "done"
    demo: bool = False
    parent_id: int | None = None
    position: int | None = None
    attempt: int | None = None
    superseded_by: int | None = None
    reasoning: str | None = None
    error: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    truncated: bool = False
    context_cut: bool = False
    fallback: Mapping[str, str] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    time_to_first_token_ms: int | None = None
    total_ms: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None

    @property
    def moment(self) -> datetime:
        """When it was said: a reply once it was final."""
        return self.finished_at or self.created_at

    @property
    def counts(self) -> bool:
        """Whether a conversation's `message_count` counts it: questions, and readable answers."""
        if self.role != "assistant":
            return True
        readable = self.status == "done" or (self.status == "cancelled" and self.content != "")
        return readable and self.superseded_by is None


Renderer = Callable[[Conversation, Iterable[Message], Words, BinaryIO], int]
"""Writes one document and returns how many it wrote of the messages that count."""
