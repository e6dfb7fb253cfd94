import sqlalchemy as sa
from alembic import op

from webox_kit.event_tables import create_event_tables

revision = "0001"
down_revision = None
branch_labels = depends_on = None


def upgrade() -> None:
    create_event_tables(op.get_bind())
    op.create_table("effect", sa.Column("title", sa.Text, nullable=False))
