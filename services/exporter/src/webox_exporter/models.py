"""The tables of the exporter."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from webox_kit.database import new_metadata

metadata = new_metadata()

_UNFINISHED = text("status IN ('queued', 'running')")


def _moment(name: str, *, nullable: bool = True) -> Column[object]:
    default = None if nullable else func.now()
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


export = Table(
    "export",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("format", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("request", JSONB, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("conversation_ids", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
    Column("filename", Text, nullable=False),
    Column("messages_total", Integer),
    Column("messages_done", Integer, nullable=False, server_default=text("0")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("given_back", Integer, nullable=False, server_default=text("0")),
    _moment("lease_until"),
    Column("object_key", Text),
    Column("size_bytes", BigInteger),
    Column("sha256", Text),
    Column("error", JSONB(none_as_null=True)),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    _moment("created_at", nullable=False),
    _moment("enqueued_at", nullable=False),
    _moment("started_at"),
    _moment("finished_at"),
    _moment("expires_at"),
    CheckConstraint(
        "status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')", name="status"
    ),
    Index("ix_export_user", "user_id", text("id DESC")),
    Index("ix_export_started", "user_id", text("started_at DESC")),
    Index("ix_export_unfinished", "enqueued_at", postgresql_where=_UNFINISHED),
    Index("ix_export_expires", "expires_at", postgresql_where=text("status = 'done'")),
    Index("ix_export_conversation_ids", "conversation_ids", postgresql_using="gin"),
    Index(
        "uq_export_unfinished",
        "user_id",
        "fingerprint",
        unique=True,
        postgresql_where=_UNFINISHED,
    ),
    Index("uq_export_idempotency_key", "user_id", "idempotency_key", unique=True),
)

removal = Table(
    "removal",
    metadata,
    Column("export_id", UUID(as_uuid=True), primary_key=True),
    _moment("created_at", nullable=False),
)
"""Exports whose files are to go. The row commits with the reason, and goes after the files."""
