"""The EntityMaps of sources that one of ours links to (clause 5.2.39)."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("ALTER TABLE entity_maps ADD COLUMN linked jsonb NOT NULL DEFAULT '{}'")
