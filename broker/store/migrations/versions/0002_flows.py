"""The metered flows, partitioned by month, and the idempotency keys of the last days."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    # The reading order is (txid, seq), so the sequence may hand out numbers in blocks: within a transaction they rise.
    "CREATE SEQUENCE flow_seq CACHE 64",
    """CREATE TABLE flows (
        id uuid NOT NULL,
        request uuid NOT NULL,
        time timestamptz NOT NULL,
        entities bigint NOT NULL,
        bytes bigint NOT NULL,
        latency_ms double precision NOT NULL,
        replay_of uuid,
        idempotency_key text COLLATE "C",
        operation text COLLATE "C" NOT NULL,
        outcome text COLLATE "C" NOT NULL,
        service text COLLATE "C" NOT NULL,
        organisation text COLLATE "C",
        project text COLLATE "C",
        consumer_area text COLLATE "C",
        batch boolean NOT NULL,
        platform text COLLATE "C" NOT NULL,
        provider_organisation text COLLATE "C",
        provider_area text COLLATE "C",
        cross_area boolean NOT NULL,
        types text[] COLLATE "C" NOT NULL,
        cache_hit boolean NOT NULL,
        agreement text COLLATE "C",
        agreement_version integer,
        txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        seq bigint NOT NULL DEFAULT nextval('flow_seq'),
        -- A write that is repeated because its first answer was lost can't double a flow. Begins with request, so that
        -- it also finds the flows of a request; both ids are ordered by time, so that it grows at its end.
        PRIMARY KEY (request, id, time)
    ) PARTITION BY RANGE (time)""",
    "ALTER SEQUENCE flow_seq OWNED BY flows.seq",
    "CREATE INDEX flows_order ON flows (txid, seq)",
    "CREATE INDEX flows_time ON flows USING brin (time)",
    # Takes what no month's partition takes, so that a clock gone wrong or a missed maintenance loses nothing.
    "CREATE TABLE flows_default PARTITION OF flows DEFAULT",
    """CREATE TABLE idempotency (
        client text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        request_hash bytea NOT NULL,
        request uuid NOT NULL,
        expires timestamptz NOT NULL,
        PRIMARY KEY (client, key)
    )""",
    "CREATE INDEX idempotency_expires ON idempotency USING brin (expires)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
