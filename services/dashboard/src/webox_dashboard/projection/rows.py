"""The rows that events become."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict


class ProductRow(TypedDict):
    """What one event says of a website or a funnel; None where it says nothing."""

    user_id: int
    type: str
    subject: str
    name: str | None
    name_mark: str | None
    seen_at: datetime | None
    seen_mark: str | None
    published_mark: str | None
    deleted_mark: str | None


class StorageRow(TypedDict):
    user_id: int
    subject: str
    type: str
    size_bytes: int
    mark: str


class ConversationRow(TypedDict):
    """`state_version` is that of title and archived; None where the event has neither."""

    conversation_id: int
    user_id: int
    title: str | None
    archived: bool | None
    state_version: int | None
    updated_at: datetime


class GenerationRow(TypedDict):
    user_id: int
    origin: str


class EntryRow(TypedDict):
    """A line of the activity list or a notification."""

    user_id: int
    kind: str
    origin: str
    subject_type: str
    subject: str
    details: dict[str, Any]
    created_at: datetime


@dataclass
class Rows:
    """All that a batch of events has to say."""

    products: list[ProductRow] = field(default_factory=list)
    storage: list[StorageRow] = field(default_factory=list)
    conversations: list[ConversationRow] = field(default_factory=list)
    generations: list[GenerationRow] = field(default_factory=list)
    activities: list[EntryRow] = field(default_factory=list)
    notifications: list[EntryRow] = field(default_factory=list)
