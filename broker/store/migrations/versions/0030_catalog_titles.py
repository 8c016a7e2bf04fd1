"""Titles of datasets, by which those that a catalogue has twice are found."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    # by hash, as a title may be longer than an entry of a B-tree
    op.execute("CREATE INDEX catalog_title ON catalog_datasets USING hash (title)")
