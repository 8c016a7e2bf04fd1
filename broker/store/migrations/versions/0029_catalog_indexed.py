"""By which index the datasets of a source were made: after a change of it the next harvest makes them anew."""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute("ALTER TABLE catalog_sources ADD indexed integer NOT NULL DEFAULT 0")
