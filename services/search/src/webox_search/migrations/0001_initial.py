"""Tombstones, the index's state, and the tables of events."""

import sqlalchemy as sa
from alembic import op

from webox_kit.event_tables import create_event_tables

revision = "0001"
down_revision = None
branch_labels = depends_on = None


def upgrade() -> None:
    now = sa.func.now()
    op.create_table(
        "conversation_tombstone",
        sa.Column("conversation_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_conversation_tombstone"),
    )
    op.create_table(
        "user_tombstone",
        sa.Column("user_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_user_tombstone"),
    )
    index_state = op.create_table(
        "index_state",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("rebuild_requested_at", sa.DateTime(timezone=True)),
        sa.Column("rebuilt_at", sa.DateTime(timezone=True)),
        sa.Column("indexed_at", sa.DateTime(timezone=True)),
        sa.Column("lag_ms", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_index_state"),
        sa.CheckConstraint("id = 1", name="ck_index_state_one_row"),
    )
    op.bulk_insert(index_state, [{"id": 1}])
    create_event_tables(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("Webox migrates forwards only.")
