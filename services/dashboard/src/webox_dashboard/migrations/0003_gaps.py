"""Which consumer groups lost what they had not read, and rebuilds asked for because of it."""

from alembic import op

from webox_kit.event_tables import add_gaps

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_gaps(op.get_bind())
    op.execute(
        "CREATE TABLE rebuild_request (id integer, requested_at timestamptz NOT NULL, "
        "CONSTRAINT pk_rebuild_request PRIMARY KEY (id))"
    )
