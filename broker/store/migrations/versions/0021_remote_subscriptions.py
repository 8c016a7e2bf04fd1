"""Copies of subscriptions at other sources, and through whom a subscription came."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"

_STATEMENTS = (
    "ALTER TABLE subscriptions ADD COLUMN via text",
    """CREATE TABLE remote_subscriptions (
        tenant text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        subscription text COLLATE "C" NOT NULL,
        platform text COLLATE "C" NOT NULL,
        remote text NOT NULL,
        token text COLLATE "C" NOT NULL UNIQUE,
        -- of the document that the platform has
        digest bytea,
        tried_at timestamptz NOT NULL,
        made_at timestamptz,
        PRIMARY KEY (tenant, kind, subscription, platform)
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
