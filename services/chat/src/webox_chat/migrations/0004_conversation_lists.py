"""Lists of favorites and of archived conversations, and the tags with their counts."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE INDEX ix_conversation_favorite ON conversation (user_id, updated_at DESC, id DESC)
    WHERE is_favorite;
CREATE INDEX ix_conversation_archived ON conversation (user_id, updated_at DESC, id DESC)
    WHERE archived;
CREATE INDEX ix_conversation_tagged ON conversation (user_id) WHERE tags <> '{}';
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
