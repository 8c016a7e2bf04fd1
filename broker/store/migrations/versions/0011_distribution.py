"""How operations are distributed to a platform: operations, alias, localOnly and the like (clause 5.2.9)."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE platforms ADD COLUMN distribution jsonb NOT NULL DEFAULT '{}'")
