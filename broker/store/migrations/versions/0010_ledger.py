"""The ledger: numbered entries, the subtrees above them, signed checkpoints, and the keys that signed."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_STATEMENTS = (
    # form: how the entry's text is made (broker/store/ledger_forms.py); 0 and below are events, the others flows.
    # request and time lead to the flow, whose key they are part of. The leaf is SHA-256(0x00 || text).
    """CREATE TABLE ledger_entries (
        seq bigint PRIMARY KEY,
        id uuid NOT NULL UNIQUE,
        request uuid,
        time timestamptz NOT NULL,
        form smallint NOT NULL,
        leaf bytea NOT NULL
    )""",
    "CREATE INDEX ledger_entries_time ON ledger_entries USING brin (time)",
    # Complete subtrees of 256, 65536, … entries: with them every proof is computed from a few hundred hashes.
    """CREATE TABLE ledger_nodes (
        level smallint NOT NULL,
        place bigint NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (level, place)
    )""",
    """CREATE TABLE ledger_checkpoints (
        size bigint PRIMARY KEY,
        root bytea NOT NULL,
        time timestamptz NOT NULL,
        note text NOT NULL
    )""",
    """CREATE TABLE ledger_cosignatures (
        size bigint NOT NULL REFERENCES ledger_checkpoints ON DELETE CASCADE,
        witness text COLLATE "C" NOT NULL,
        time timestamptz NOT NULL,
        line text NOT NULL,
        PRIMARY KEY (size, witness)
    )""",
    # Keys that checkpoints are signed with, each vouched for by the one before it.
    """CREATE TABLE ledger_keys (
        number integer PRIMARY KEY,
        key text NOT NULL UNIQUE,
        since timestamptz NOT NULL,
        voucher text
    )""",
    # One row: how far the sequencer has come, in the ledger, in flows and in ledger_events.
    """CREATE TABLE ledger_state (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        origin text NOT NULL,
        size bigint NOT NULL DEFAULT 0,
        flow_txid bigint NOT NULL DEFAULT 0,
        flow_seq bigint NOT NULL DEFAULT 0,
        event_txid bigint NOT NULL DEFAULT 0,
        event_seq bigint NOT NULL DEFAULT 0
    )""",
    """CREATE FUNCTION ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the ledger only grows'; END $$""",
    """CREATE TRIGGER ledger_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_only_grows()""",
    """CREATE TRIGGER ledger_nodes_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_nodes
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_only_grows()""",
    """CREATE TRIGGER ledger_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_events
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_only_grows()""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
