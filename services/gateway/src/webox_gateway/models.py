"""The gateway's tables."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from webox_kit.database import new_metadata

metadata = new_metadata()

_now = func.now()


def _owner() -> Column[int]:
    return Column(
        "user_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), nullable=False
    )


account = Table(
    "account",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, CheckConstraint("role IN ('user', 'admin')", "role"), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
)
"""A user. `email_key` is the address as compared: without regard to case."""

session = Table(
    "session",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _owner(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("ix_session_user_id", "user_id"),
    Index("ix_session_expires_at", "expires_at"),
)
"""A login. Of its token only the SHA-256 digest is kept."""

access_token = Table(
    "access_token",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _owner(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("expires_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("idempotency_key", Text),
    Column("request_digest", LargeBinary),
    Index("ix_access_token_user_id", "user_id", "id"),
    UniqueConstraint("user_id", "idempotency_key", name="uq_access_token_idempotency"),
)
"""A personal access token, kept as a session is."""

login_tries = Table(
    "login_tries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("at", ARRAY(DateTime(timezone=True)), nullable=False, server_default="{}"),
    Column("newest", DateTime(timezone=True), nullable=False, server_default=_now),
    Index("ix_login_tries_newest", "newest"),
)
"""When logins were tried, for one account or from one address, as far back as it matters."""

product_event = Table(
    "product_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _owner(),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("data", JSONB, nullable=False),
    Column("published_as", UUID(as_uuid=False)),
    UniqueConstraint("user_id", "source", "event_id", name="uq_product_event_source"),
)
"""What other Webox products reported, each event once, and the id it was published under."""
