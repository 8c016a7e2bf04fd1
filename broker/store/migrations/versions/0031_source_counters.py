"""What has been sent to each registered source, and what came of it, over all processes."""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE source_counters (
            platform text COLLATE "C" PRIMARY KEY REFERENCES platforms (id) ON DELETE CASCADE,
            sent bigint NOT NULL,
            failed bigint NOT NULL,
            last_success timestamptz,
            last_failure timestamptz
        )"""
    )
