"""Who takes part in the ledger beside the gateway: witnesses, those who correct and approve, and its archives."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

_STATEMENTS = (
    """CREATE TABLE ledger_witnesses (
        name text COLLATE "C" PRIMARY KEY,
        key text NOT NULL UNIQUE,
        since timestamptz NOT NULL DEFAULT now()
    )""",
    # entities, bytes and batch: what counts instead; all null reverses the flow altogether.
    """CREATE TABLE corrections (
        id uuid PRIMARY KEY,
        flow uuid NOT NULL,
        request uuid NOT NULL,
        time timestamptz NOT NULL,
        reason text NOT NULL,
        entities bigint CHECK (entities >= 0),
        bytes bigint CHECK (bytes >= 0),
        batch boolean,
        state text NOT NULL CHECK (state IN ('requested', 'approved', 'rejected', 'superseded')),
        requested_by text NOT NULL,
        requested_at timestamptz NOT NULL,
        decided_by text,
        decided_at timestamptz,
        CHECK ((entities IS NULL) = (bytes IS NULL) AND (bytes IS NULL) = (batch IS NULL)),
        CHECK (decided_by <> requested_by)
    )""",
    "CREATE UNIQUE INDEX corrections_in_force ON corrections (flow) WHERE state = 'approved'",
    # Flows as they count: those that were corrected with what counts instead, without those that were reversed.
    """CREATE VIEW counted_flows AS
        SELECT f.id, f.request, f.time, coalesce(c.entities, f.entities) AS entities,
            coalesce(c.bytes, f.bytes) AS bytes, f.latency_ms, f.replay_of, f.operation, f.outcome, f.service,
            f.organisation, f.project, f.consumer_area, coalesce(c.batch, f.batch) AS batch, f.platform,
            f.provider_organisation, f.provider_area, f.cross_area, f.types, f.cache_hit, f.agreement,
            f.agreement_version, f.txid, f.seq
        FROM flows AS f LEFT JOIN corrections AS c ON c.flow = f.id AND c.state = 'approved'
        WHERE c.flow IS NULL OR c.entities IS NOT NULL""",
    # Months whose flows were written to a file; `removed`: their partition is gone from the database.
    """CREATE TABLE ledger_archives (
        month date PRIMARY KEY,
        file text NOT NULL,
        sha256 text NOT NULL,
        entries bigint NOT NULL,
        size bigint NOT NULL,
        written timestamptz NOT NULL,
        removed timestamptz
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
