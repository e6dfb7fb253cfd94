"""Fewer writes per reply: claims touch no index, and no key is checked twice.

The indexes of unfinished replies go by `finished_at`, which a claim leaves alone. A reply belongs
to its conversation, and goes with it; its message is of the same one, stored in one statement.
Deleting a message looked for its replies without an index.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE reply DROP CONSTRAINT fk_reply_message_id_message;
ALTER TABLE reply SET (fillfactor = 80);
DROP INDEX ix_reply_unfinished;
DROP INDEX ix_reply_unfinished_user;
CREATE INDEX ix_reply_unfinished ON reply (enqueued_at) WHERE finished_at IS NULL;
CREATE INDEX ix_reply_unfinished_user ON reply (user_id) WHERE finished_at IS NULL;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
