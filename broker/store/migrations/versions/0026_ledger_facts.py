"""Figures look for a few kinds of events among all of the ledger's."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ledger_events_facts ON ledger_events (txid, seq) WHERE kind IN ('area.applied', 'catalog.judged')"
    )
