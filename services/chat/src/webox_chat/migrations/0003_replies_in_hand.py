"""Replies that can be cancelled, resumed, retried and paid for; settings; repeated requests."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE message
    ADD COLUMN system text,
    ADD COLUMN stop text[];

ALTER TABLE reply
    ADD COLUMN reasoning text DEFAULT '' NOT NULL,
    ADD COLUMN context_cut boolean DEFAULT false NOT NULL,
    ADD COLUMN fallback jsonb,
    ADD COLUMN reserved numeric(20, 10) DEFAULT 0 NOT NULL,
    ADD COLUMN cancel_requested_at timestamptz;

CREATE TABLE user_setting (
    user_id bigint NOT NULL,
    language text,
    time_zone text,
    default_providers text[],
    default_models jsonb,
    version bigint DEFAULT 1 NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_user_setting PRIMARY KEY (user_id)
);

CREATE TABLE sent_request (
    user_id bigint NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    message_id bigint NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_sent_request PRIMARY KEY (user_id, key)
);
CREATE INDEX ix_sent_request_created_at ON sent_request (created_at);

CREATE TABLE budget (
    user_id bigint NOT NULL,
    monthly_spend numeric(20, 10),
    sends_a_minute integer,
    CONSTRAINT pk_budget PRIMARY KEY (user_id)
);

CREATE TABLE spending (
    user_id bigint NOT NULL,
    month date NOT NULL,
    reserved numeric(20, 10) DEFAULT 0 NOT NULL,
    spent numeric(20, 10) DEFAULT 0 NOT NULL,
    reserved_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_spending PRIMARY KEY (user_id, month)
);

CREATE TABLE send_pace (
    user_id bigint NOT NULL,
    used_until timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_send_pace PRIMARY KEY (user_id)
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
