"""Which consumer groups lost what they had not read from this service's stream."""

from alembic import op

from webox_kit.event_tables import add_gaps

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_gaps(op.get_bind())
