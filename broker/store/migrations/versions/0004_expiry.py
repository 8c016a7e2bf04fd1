"""When local entities, or attributes of them, come to their end (expiresAt, clause 4.22)."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    # `expires_at`: the whole entity's end. `next_expiry`: the earliest end of it or of anything in it.
    "ALTER TABLE entities ADD COLUMN expires_at timestamptz, ADD COLUMN next_expiry timestamptz",
    # Few entities are transient: the sweeper looks at those only.
    "CREATE INDEX entities_next_expiry ON entities (next_expiry) WHERE next_expiry IS NOT NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
