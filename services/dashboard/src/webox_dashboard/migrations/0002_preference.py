"""What users chose in chat's settings: language and time zone."""

from alembic import op

from webox_kit.preferences import create_preference_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_preference_table(op.get_bind())
