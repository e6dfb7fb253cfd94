"""What a request with an Idempotency-Key made is a message or, by a retry, a reply."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sent_request RENAME COLUMN message_id TO entry_id")
