"""The tables of the chat service."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Sequence,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from webox_kit.database import new_metadata

metadata = new_metadata()

entry_ids = Sequence("entry_id_seq", metadata=metadata, data_type=BigInteger)
"""Messages and replies share one sequence, since both stand in `messages[]`."""

UNFINISHED = text("finished_at IS NULL")
"""Of replies. By a column that a claim leaves alone, so that it touches no index."""


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    default = None if nullable else func.now()
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


def _conversation_id() -> Column[int]:
    return Column(
        "conversation_id",
        BigInteger,
        ForeignKey("conversation.id", ondelete="CASCADE"),
        nullable=False,
    )


conversation = Table(
    "conversation",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("is_favorite", Boolean, nullable=False, server_default=text("false")),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("tag_keys", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("preview", Text, nullable=False),
    Column("message_count", Integer, nullable=False, server_default=text("0")),
    Column("last_message_id", BigInteger),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    _moment("created_at"),
    _moment("updated_at"),
    Index("ix_conversation_recent", "user_id", text("updated_at DESC"), text("id DESC")),
    Index(
        "ix_conversation_folder",
        "user_id",
        "folder",
        text("updated_at DESC"),
        text("id DESC"),
    ),
    *(
        Index(
            f"ix_conversation_{name}",
            "user_id",
            text("updated_at DESC"),
            text("id DESC"),
            postgresql_where=text(condition),
        )
        for name, condition in (("favorite", "is_favorite"), ("archived", "archived"))
    ),
    Index("ix_conversation_tagged", "user_id", postgresql_where=text("tags <> '{}'")),
    Index("ix_conversation_tag_keys", "tag_keys", postgresql_using="gin"),
)

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, entry_ids, primary_key=True, server_default=entry_ids.next_value()),
    _conversation_id(),
    Column("user_id", BigInteger, nullable=False),
    Column("parent_id", BigInteger),
    Column("content", Text, nullable=False),
    Column("system", Text),
    Column("temperature", Double),
    Column("max_tokens", Integer),
    Column("stop", ARRAY(Text)),
    _moment("created_at"),
    Index("ix_message_conversation", "conversation_id", "id"),
)

reply = Table(
    "reply",
    metadata,
    Column("id", BigInteger, entry_ids, primary_key=True, server_default=entry_ids.next_value()),
    Column("message_id", BigInteger, nullable=False),
    _conversation_id(),
    Column("user_id", BigInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("demo", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    _moment("lease_until", nullable=True),
    Column("superseded_by", BigInteger),
    Column("content", Text, nullable=False, server_default=text("''")),
    Column("reasoning", Text, nullable=False, server_default=text("''")),
    Column("error", JSONB),
    Column("finish_reason", Text),
    Column("truncated", Boolean, nullable=False, server_default=text("false")),
    Column("context_cut", Boolean, nullable=False, server_default=text("false")),
    Column("fallback", JSONB),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cost", Numeric(20, 10)),
    Column("time_to_first_token_ms", Integer),
    Column("total_ms", Integer),
    _moment("created_at"),
    Column("reserved", Numeric(20, 10), nullable=False, server_default=text("0")),
    _moment("enqueued_at"),
    _moment("started_at", nullable=True),
    _moment("cancel_requested_at", nullable=True),
    _moment("finished_at", nullable=True),
    CheckConstraint(
        "status IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="status"
    ),
    Index("ix_reply_conversation", "conversation_id", "message_id", "position", "id"),
    Index(
        "uq_reply_current",
        "message_id",
        "provider",
        unique=True,
        postgresql_where=text("superseded_by IS NULL"),
    ),
    Index(
        "ix_reply_unfinished",
        "enqueued_at",
        postgresql_where=UNFINISHED,
    ),
    Index(
        "ix_reply_unfinished_user",
        "user_id",
        postgresql_where=UNFINISHED,
    ),
)

usage_ledger = Table(
    "usage_ledger",
    metadata,
    Column("reply_id", BigInteger, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cost", Numeric(20, 10)),
    Column("time_to_first_token_ms", Integer),
    Column("total_ms", Integer),
    _moment("finished_at"),
    Index("ix_usage_ledger_user", "user_id", "finished_at"),
)
"""One row per finished reply, without text; it outlives the conversation."""

user_setting = Table(
    "user_setting",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("language", Text),
    Column("time_zone", Text),
    Column("default_providers", ARRAY(Text)),
    Column("default_models", JSONB),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    _moment("updated_at"),
)
"""What a user chose; null where nothing was."""

sent_request = Table(
    "sent_request",
    metadata,
    Column("user_id", BigInteger, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    _moment("created_at"),
    Index("ix_sent_request_created_at", "created_at"),
)
"""Which message a send with an Idempotency-Key made, or which reply a retry."""

budget = Table(
    "budget",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("monthly_spend", Numeric(20, 10)),
    Column("sends_a_minute", Integer),
)
"""What differs from the settings for a user: US dollars a calendar month (UTC), and a rate."""

spending = Table(
    "spending",
    metadata,
    Column("user_id", BigInteger, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("reserved", Numeric(20, 10), nullable=False, server_default=text("0")),
    Column("spent", Numeric(20, 10), nullable=False, server_default=text("0")),
    _moment("reserved_at"),
)
"""A user's month: what running replies may still cost, and what the finished ones did."""

send_pace = Table(
    "send_pace",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    _moment("used_until"),
)
"""How far ahead of its rate a user's sends are: the theoretical arrival time of GCRA."""
