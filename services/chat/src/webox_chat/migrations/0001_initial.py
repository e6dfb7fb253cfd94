"""The first tables: conversations, messages, replies, the usage ledger, and the event tables."""

from alembic import op

from webox_kit.event_tables import create_event_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE SEQUENCE entry_id_seq AS bigint;

CREATE TABLE conversation (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    title text NOT NULL,
    folder text NOT NULL,
    is_favorite boolean DEFAULT false NOT NULL,
    archived boolean DEFAULT false NOT NULL,
    tags text[] DEFAULT '{}' NOT NULL,
    tag_keys text[] DEFAULT '{}' NOT NULL,
    preview text NOT NULL,
    message_count integer DEFAULT 0 NOT NULL,
    last_message_id bigint,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_conversation PRIMARY KEY (id)
);
CREATE INDEX ix_conversation_recent ON conversation (user_id, updated_at DESC, id DESC);
CREATE INDEX ix_conversation_folder ON conversation (user_id, folder, updated_at DESC, id DESC);
CREATE INDEX ix_conversation_tag_keys ON conversation USING gin (tag_keys);

CREATE TABLE message (
    id bigint DEFAULT nextval('entry_id_seq') NOT NULL,
    conversation_id bigint NOT NULL,
    user_id bigint NOT NULL,
    parent_id bigint,
    content text NOT NULL,
    temperature double precision,
    max_tokens integer,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_message PRIMARY KEY (id),
    CONSTRAINT fk_message_conversation_id_conversation FOREIGN KEY (conversation_id)
        REFERENCES conversation (id) ON DELETE CASCADE
);
CREATE INDEX ix_message_conversation ON message (conversation_id, id);

CREATE TABLE reply (
    id bigint DEFAULT nextval('entry_id_seq') NOT NULL,
    message_id bigint NOT NULL,
    conversation_id bigint NOT NULL,
    user_id bigint NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    position smallint NOT NULL,
    demo boolean DEFAULT false NOT NULL,
    status text DEFAULT 'queued' NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    lease_until timestamptz,
    superseded_by bigint,
    content text DEFAULT '' NOT NULL,
    error jsonb,
    finish_reason text,
    truncated boolean DEFAULT false NOT NULL,
    input_tokens integer,
    output_tokens integer,
    cost numeric(20, 10),
    time_to_first_token_ms integer,
    total_ms integer,
    created_at timestamptz DEFAULT now() NOT NULL,
    enqueued_at timestamptz DEFAULT now() NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT pk_reply PRIMARY KEY (id),
    CONSTRAINT fk_reply_message_id_message FOREIGN KEY (message_id)
        REFERENCES message (id) ON DELETE CASCADE,
    CONSTRAINT fk_reply_conversation_id_conversation FOREIGN KEY (conversation_id)
        REFERENCES conversation (id) ON DELETE CASCADE,
    CONSTRAINT ck_reply_status
        CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled'))
);
CREATE INDEX ix_reply_conversation ON reply (conversation_id, message_id, position, id);
CREATE UNIQUE INDEX uq_reply_current ON reply (message_id, provider)
    WHERE superseded_by IS NULL;
CREATE INDEX ix_reply_unfinished ON reply (enqueued_at)
    WHERE status IN ('queued', 'running');
CREATE INDEX ix_reply_unfinished_user ON reply (user_id)
    WHERE status IN ('queued', 'running');

CREATE TABLE usage_ledger (
    reply_id bigint NOT NULL,
    user_id bigint NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    status text NOT NULL,
    demo boolean NOT NULL,
    attempts integer NOT NULL,
    input_tokens integer,
    output_tokens integer,
    cost numeric(20, 10),
    time_to_first_token_ms integer,
    total_ms integer,
    finished_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_usage_ledger PRIMARY KEY (reply_id)
);
CREATE INDEX ix_usage_ledger_user ON usage_ledger (user_id, finished_at);
"""


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    create_event_tables(connection)
