"""The feed to the secretariat, and those to whom it is pushed."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

_STATEMENTS = (
    # numbered by one writer at a time, so that nothing appears behind what was read
    """CREATE TABLE kpi_feed (
        seq bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        kind text COLLATE "C" NOT NULL,
        project text COLLATE "C" NOT NULL,
        subject text COLLATE "C" NOT NULL,
        day date NOT NULL,
        body jsonb NOT NULL,
        UNIQUE (kind, project, subject, day)
    )""",
    """CREATE TABLE kpi_hooks (
        id text COLLATE "C" PRIMARY KEY,
        url text NOT NULL,
        secret bytea NOT NULL,
        position bigint NOT NULL,
        created_at timestamptz NOT NULL
    )""",
    """CREATE TABLE kpi_deliveries (
        hook text COLLATE "C" NOT NULL REFERENCES kpi_hooks ON DELETE CASCADE,
        seq bigint NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        next_at timestamptz NOT NULL,
        error text NOT NULL DEFAULT '',
        dead boolean NOT NULL DEFAULT false,
        PRIMARY KEY (hook, seq)
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
