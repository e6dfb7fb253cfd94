"""The first tables: the read models, and the event tables."""

from alembic import op

from webox_kit.event_tables import create_event_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE product (
    user_id bigint NOT NULL,
    type text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    name text,
    name_mark text COLLATE "C",
    seen_at timestamptz,
    seen_mark text COLLATE "C",
    published_mark text COLLATE "C",
    deleted_mark text COLLATE "C",
    alive boolean NOT NULL GENERATED ALWAYS AS (
        seen_mark IS NOT NULL AND (deleted_mark IS NULL OR seen_mark > deleted_mark)
    ) STORED,
    CONSTRAINT pk_product PRIMARY KEY (user_id, type, subject)
);
CREATE INDEX ix_product_recent ON product (user_id, seen_at DESC) WHERE alive;

CREATE TABLE storage (
    user_id bigint NOT NULL,
    subject text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    size_bytes bigint NOT NULL,
    mark text COLLATE "C" NOT NULL,
    CONSTRAINT pk_storage PRIMARY KEY (user_id, subject, type)
);

CREATE TABLE conversation (
    conversation_id bigint NOT NULL,
    user_id bigint NOT NULL,
    title text,
    archived boolean,
    state_version bigint,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_conversation PRIMARY KEY (conversation_id)
);
CREATE INDEX ix_conversation_recent ON conversation (user_id, updated_at DESC)
    WHERE title IS NOT NULL;

CREATE TABLE generation (
    user_id bigint NOT NULL,
    origin text COLLATE "C" NOT NULL,
    CONSTRAINT pk_generation PRIMARY KEY (user_id, origin)
);

CREATE TABLE generation_count (
    user_id bigint NOT NULL,
    generations bigint NOT NULL,
    CONSTRAINT pk_generation_count PRIMARY KEY (user_id)
);

CREATE TABLE activity (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    kind text NOT NULL,
    origin text COLLATE "C" NOT NULL,
    subject_type text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    details jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_activity PRIMARY KEY (id)
);
CREATE INDEX ix_activity_recent ON activity (user_id, created_at DESC, origin DESC);
CREATE UNIQUE INDEX uq_activity_origin ON activity (user_id, origin);

CREATE TABLE notification (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    kind text NOT NULL,
    origin text COLLATE "C" NOT NULL,
    subject_type text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    details jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    CONSTRAINT pk_notification PRIMARY KEY (id)
);
CREATE INDEX ix_notification_recent ON notification (user_id, created_at DESC, origin DESC);
CREATE UNIQUE INDEX uq_notification_origin ON notification (user_id, origin);
CREATE INDEX ix_notification_unread ON notification (user_id) WHERE read_at IS NULL;

CREATE TABLE tombstone (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    user_id bigint NOT NULL,
    CONSTRAINT pk_tombstone PRIMARY KEY (kind, key)
);
CREATE INDEX ix_tombstone_user_id ON tombstone (user_id);
"""


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    create_event_tables(connection)
