"""Which consumer groups lost what they had not read: the operations page looks for them here."""

from alembic import op

from webox_kit.event_tables import add_gaps

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_gaps(op.get_bind())
