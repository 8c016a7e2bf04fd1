"""What enters the ledger beside flows: agreements, KPI definitions, corrections, closings, key rotations."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    """CREATE TABLE ledger_events (
        id uuid PRIMARY KEY,
        time timestamptz NOT NULL,
        kind text COLLATE "C" NOT NULL,
        subject text COLLATE "C" NOT NULL,
        actor text COLLATE "C" NOT NULL,
        -- canonical JSON (RFC 8785), kept as the bytes that are hashed
        body bytea NOT NULL,
        txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY
    )""",
    "CREATE INDEX ledger_events_order ON ledger_events (txid, seq)",
    "CREATE INDEX ledger_events_subject ON ledger_events (subject, kind, seq)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
