"""Files of the catalogue that could not be read as what they say they are."""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.execute("ALTER TABLE catalog_links ADD unreadable text")
