"""The rows that events become."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from webox_dashboard.projection import things
from webox_dashboard.projection.things import Thing


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


def living(rows: Rows, deleted: Collection[Thing]) -> Rows:
    """The rows, but for those about a deleted thing or of a deleted user."""
    return Rows(
        products=[each for each in rows.products if _product_things(each).isdisjoint(deleted)],
        storage=[each for each in rows.storage if _storage_things(each).isdisjoint(deleted)],
        conversations=[
            each for each in rows.conversations if _conversation_things(each).isdisjoint(deleted)
        ],
        generations=[
            each for each in rows.generations if things.user(each["user_id"]) not in deleted
        ],
    )


def things_of_rows(rows: Rows) -> set[Thing]:
    """All that the rows are about."""
    return {
        *(thing for each in rows.products for thing in _product_things(each)),
        *(thing for each in rows.storage for thing in _storage_things(each)),
        *(thing for each in rows.conversations for thing in _conversation_things(each)),
        *(things.user(each["user_id"]) for each in rows.generations),
    }


def _product_things(row: ProductRow) -> set[Thing]:
    return {things.user(row["user_id"])}


def _storage_things(row: StorageRow) -> set[Thing]:
    about = {things.user(row["user_id"])}
    return about | {things.export(row["subject"])} if row["type"] == "export" else about


def _conversation_things(row: ConversationRow) -> set[Thing]:
    return {things.user(row["user_id"]), things.conversation(row["conversation_id"])}
