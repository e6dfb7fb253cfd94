"""Search's own tables. What is searched is not here: it lives in the engine."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Integer, Table, func

from webox_kit.database import new_metadata

metadata = new_metadata()

conversation_tombstone = Table(
    "conversation_tombstone",
    metadata,
    Column("conversation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("deleted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

user_tombstone = Table(
    "user_tombstone",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("deleted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

index_state = Table(
    "index_state",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("rebuild_requested_at", DateTime(timezone=True)),
    Column("rebuilt_at", DateTime(timezone=True)),
    Column("indexed_at", DateTime(timezone=True)),
    Column("lag_ms", Integer),
    Column("rebuild_done", BigInteger),
)
"""How the index is doing: `rebuilt_at` is when its last rebuild began, `lag_ms` how long before
`indexed_at` the oldest event of the last batch had happened, `rebuild_done` how many texts a
rebuild under way has copied; null when none is."""
