"""The read models' tables.

A *mark* is a text that sorts as an event does: its time, then its id. Columns that hold ids or
marks compare byte by byte (collation C), whatever the server's language.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from webox_kit.database import new_metadata

metadata = new_metadata()


def _user_id(*, primary_key: bool = False) -> Column[Any]:
    return Column(
        "user_id", BigInteger, primary_key=primary_key, nullable=False, autoincrement=False
    )


def _exact(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[Any]:
    """A text that is compared byte by byte."""
    return Column(name, Text(collation="C"), primary_key=primary_key, nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


product = Table(
    "product",
    metadata,
    _user_id(primary_key=True),
    _exact("type", primary_key=True),
    _exact("subject", primary_key=True),
    Column("name", Text),
    _exact("name_mark", nullable=True),
    _moment("seen_at", nullable=True),
    _exact("seen_mark", nullable=True),
    _exact("published_mark", nullable=True),
    _exact("deleted_mark", nullable=True),
    Column(
        "alive",
        Boolean,
        Computed(
            "seen_mark IS NOT NULL AND (deleted_mark IS NULL OR seen_mark > deleted_mark)",
            persisted=True,
        ),
        nullable=False,
    ),
    Index("ix_product_recent", "user_id", text("seen_at DESC"), postgresql_where=text("alive")),
)
"""Websites and funnels, deleted ones too: their marks keep older events from reviving them."""

storage = Table(
    "storage",
    metadata,
    _user_id(primary_key=True),
    _exact("subject", primary_key=True),
    _exact("type", primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    _exact("mark"),
)
"""What each subject takes, by who said so: a website, a funnel, an export, or `storage`."""

conversation = Table(
    "conversation",
    metadata,
    Column("conversation_id", BigInteger, primary_key=True, autoincrement=False),
    _user_id(),
    Column("title", Text),
    Column("archived", Boolean),
    Column("state_version", BigInteger),
    _moment("updated_at"),
    Index(
        "ix_conversation_recent",
        "user_id",
        text("updated_at DESC"),
        postgresql_where=text("title IS NOT NULL"),
    ),
)
"""Conversations. Without a title, one whose start has not arrived yet: not shown, not counted."""

generation = Table(
    "generation",
    metadata,
    _user_id(primary_key=True),
    _exact("origin", primary_key=True),
)
"""Every generation once: what keeps `generation_count` exact."""

generation_count = Table(
    "generation_count",
    metadata,
    _user_id(primary_key=True),
    Column("generations", BigInteger, nullable=False),
)


def _entry_columns() -> list[Column[Any]]:
    """`origin` is what made the entry, once; `details` are the words' placeholders."""
    return [
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        _user_id(),
        Column("kind", Text, nullable=False),
        _exact("origin"),
        _exact("subject_type"),
        _exact("subject"),
        Column("details", JSONB, nullable=False),
        _moment("created_at"),
    ]


def _entry_indexes(name: str) -> list[Index]:
    newest_first = (text("created_at DESC"), text("origin DESC"))
    return [
        Index(f"ix_{name}_recent", "user_id", *newest_first),
        Index(f"uq_{name}_origin", "user_id", "origin", unique=True),
    ]


activity = Table("activity", metadata, *_entry_columns(), *_entry_indexes("activity"))

notification = Table(
    "notification",
    metadata,
    *_entry_columns(),
    _moment("read_at", nullable=True),
    *_entry_indexes("notification"),
    Index("ix_notification_unread", "user_id", postgresql_where=text("read_at IS NULL")),
)

tombstone = Table(
    "tombstone",
    metadata,
    _exact("kind", primary_key=True),
    _exact("key", primary_key=True),
    _user_id(),
    Index("ix_tombstone_user_id", "user_id"),
)
"""Deleted users, conversations and exports, for ever: whatever still arrives has no effect."""
