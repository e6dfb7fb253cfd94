"""The first tables: exports, removals of their files, and the event tables."""

from alembic import op

from webox_kit.event_tables import create_event_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE export (
    id uuid NOT NULL,
    user_id bigint NOT NULL,
    status text DEFAULT 'queued' NOT NULL,
    format text NOT NULL,
    language text NOT NULL,
    request jsonb NOT NULL,
    fingerprint text NOT NULL,
    idempotency_key text,
    conversation_ids bigint[] DEFAULT '{}' NOT NULL,
    filename text NOT NULL,
    messages_total integer,
    messages_done integer DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    given_back integer DEFAULT 0 NOT NULL,
    lease_until timestamptz,
    object_key text,
    size_bytes bigint,
    sha256 text,
    error jsonb,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    enqueued_at timestamptz DEFAULT now() NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    expires_at timestamptz,
    CONSTRAINT pk_export PRIMARY KEY (id),
    CONSTRAINT ck_export_status CHECK
        (status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired'))
);
CREATE INDEX ix_export_user ON export (user_id, id DESC);
CREATE INDEX ix_export_started ON export (user_id, started_at DESC);
CREATE INDEX ix_export_unfinished ON export (enqueued_at)
    WHERE status IN ('queued', 'running');
CREATE INDEX ix_export_expires ON export (expires_at) WHERE status = 'done';
CREATE INDEX ix_export_conversation_ids ON export USING gin (conversation_ids);
CREATE UNIQUE INDEX uq_export_unfinished ON export (user_id, fingerprint)
    WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX uq_export_idempotency_key ON export (user_id, idempotency_key);

CREATE TABLE removal (
    export_id uuid NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_removal PRIMARY KEY (export_id)
);
"""


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    create_event_tables(connection)
