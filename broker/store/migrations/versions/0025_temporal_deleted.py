"""When entities whose evolution is kept were deleted (clause 4.8)."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("ALTER TABLE temporal_entities ADD COLUMN deleted_at timestamptz")
