"""The id under which a reported event was published, so that read models can be made anew.

For events that are still in the outbox it is found there; older ones can come to nobody again.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FILL = """
UPDATE product_event SET published_as = published.event_id
FROM (
    SELECT event_id, convert_from(event, 'UTF8')::jsonb AS event FROM outbox
) AS published
WHERE product_event.published_as IS NULL
    AND published.event ->> 'type' = product_event.type
    AND published.event ->> 'subject' = product_event.subject
    AND published.event -> 'data' ->> 'event_id' = product_event.event_id
    AND (published.event -> 'data' ->> 'user_id')::bigint = product_event.user_id
"""


def upgrade() -> None:
    op.execute("ALTER TABLE product_event ADD COLUMN published_as uuid")
    op.execute(FILL)
