"""Accounts, their tokens, and events reported from outside."""

from alembic import op

from webox_kit.event_tables import create_event_tables

revision = "0001"
down_revision = None
branch_labels = depends_on = None

_TABLES = (
    """
    CREATE TABLE account (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_account PRIMARY KEY,
        email text NOT NULL,
        email_key text NOT NULL CONSTRAINT uq_account_email_key UNIQUE,
        name text NOT NULL,
        role text NOT NULL CONSTRAINT ck_account_role CHECK (role IN ('user', 'admin')),
        password_hash text NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE session (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_session PRIMARY KEY,
        user_id bigint NOT NULL CONSTRAINT fk_session_user_id_account
            REFERENCES account (id) ON DELETE CASCADE,
        digest bytea NOT NULL CONSTRAINT uq_session_digest UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_session_user_id ON session (user_id)",
    "CREATE INDEX ix_session_expires_at ON session (expires_at)",
    """
    CREATE TABLE access_token (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_access_token PRIMARY KEY,
        user_id bigint NOT NULL CONSTRAINT fk_access_token_user_id_account
            REFERENCES account (id) ON DELETE CASCADE,
        digest bytea NOT NULL CONSTRAINT uq_access_token_digest UNIQUE,
        name text NOT NULL,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        last_used_at timestamptz,
        idempotency_key text,
        request_digest bytea,
        CONSTRAINT uq_access_token_idempotency UNIQUE (user_id, idempotency_key)
    )
    """,
    "CREATE INDEX ix_access_token_user_id ON access_token (user_id, id)",
    """
    CREATE TABLE login_tries (
        key text CONSTRAINT pk_login_tries PRIMARY KEY,
        at timestamptz[] NOT NULL DEFAULT '{}',
        newest timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_login_tries_newest ON login_tries (newest)",
    """
    CREATE TABLE product_event (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_product_event PRIMARY KEY,
        user_id bigint NOT NULL CONSTRAINT fk_product_event_user_id_account
            REFERENCES account (id) ON DELETE CASCADE,
        source text NOT NULL,
        event_id text NOT NULL,
        type text NOT NULL,
        subject text NOT NULL,
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        data jsonb NOT NULL,
        CONSTRAINT uq_product_event_source UNIQUE (user_id, source, event_id)
    )
    """,
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)
    create_event_tables(op.get_bind())


def downgrade() -> None:
    raise RuntimeError("There is nothing before the first migration.")
