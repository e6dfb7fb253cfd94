"""The id under which a reported event was published, so that read models can be made anew."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE product_event ADD COLUMN published_as uuid")
