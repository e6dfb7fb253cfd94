"""The tables that sending and receiving events takes, in each service's own database."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from webox_kit.database import new_metadata

metadata = new_metadata()

_now = func.now()

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", UUID(as_uuid=False), nullable=False, unique=True),
    Column("event", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("published_at", DateTime(timezone=True)),
    Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
    Index("ix_outbox_created_at", "created_at"),
)

relay_state = Table(
    "relay_state",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("last_entry_id", Text),
    Column("groups", ARRAY(Text), nullable=False, server_default="{}"),
    Column("gaps", JSONB, nullable=False, server_default="{}"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Index("ix_inbox_received_at", "received_at"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("entry_id", Text, nullable=False),
    Column("event_type", Text),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("shape", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Index("uq_dead_letter_entry", "consumer", "stream", "entry_id", unique=True),
)

OUTBOX_CHANNEL = "outbox"
"""PostgreSQL tells the relay on this channel that rows were committed."""

_NOTIFY = (
    """
    CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NOTIFY outbox; RETURN NULL; END $$
    """,
    """
    CREATE TRIGGER outbox_notify AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify()
    """,
)


def create_event_tables(connection: Connection) -> None:
    """For a service's first migration: all of the above."""
    metadata.create_all(connection)
    for statement in _NOTIFY:
        connection.exec_driver_sql(statement)


def add_gaps(connection: Connection) -> None:
    """For a later migration of a service whose first one made `relay_state` without `gaps`."""
    connection.exec_driver_sql(
        "ALTER TABLE relay_state ADD COLUMN IF NOT EXISTS gaps jsonb DEFAULT '{}' NOT NULL"
    )
