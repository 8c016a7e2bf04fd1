"""Files of the catalogue that could not be had when somebody asked for them."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE catalog_links (
            dataset text COLLATE "C" NOT NULL REFERENCES catalog_datasets (id) ON DELETE CASCADE,
            place integer NOT NULL,
            url text NOT NULL,
            failed_at timestamptz NOT NULL,
            words text NOT NULL,
            PRIMARY KEY (dataset, place)
        )"""
    )
