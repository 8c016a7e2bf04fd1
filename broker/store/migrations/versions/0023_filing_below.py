"""Up to where the flows had been counted when a report was filed, for its evidence."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    # flows of transactions with lesser numbers were counted; null: filed before this was noted
    op.execute("ALTER TABLE kpi_filings ADD COLUMN below bigint")
