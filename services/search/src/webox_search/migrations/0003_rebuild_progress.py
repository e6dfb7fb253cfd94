"""How far a rebuild is, for who asked for it."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE index_state ADD COLUMN rebuild_done bigint")
