"""Temporal evolutions: which entities have one, and the instances of their attributes, partitioned by month."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """CREATE TABLE temporal_entities (
        tenant text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        types text[] COLLATE "C" NOT NULL,
        created_at timestamptz NOT NULL,
        modified_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id)
    )""",
    "CREATE INDEX temporal_entities_types ON temporal_entities USING gin (types)",
    # time is observed_at, or else deleted_at, or else created_at: what the instance is filed under. The default
    # dataset is "". No foreign key: its checks would cost more than the statements that keep the two in step.
    """CREATE TABLE temporal_values (
        tenant text COLLATE "C" NOT NULL,
        entity text COLLATE "C" NOT NULL,
        attribute text COLLATE "C" NOT NULL,
        dataset text COLLATE "C" NOT NULL,
        instance uuid NOT NULL,
        time timestamptz NOT NULL,
        observed_at timestamptz,
        created_at timestamptz NOT NULL,
        modified_at timestamptz NOT NULL,
        deleted_at timestamptz,
        body jsonb NOT NULL,
        PRIMARY KEY (instance, time)
    ) PARTITION BY RANGE (time)""",
    "CREATE INDEX temporal_values_entity ON temporal_values (tenant, entity, time)",
    # Finds which attributes there are, and the last instances of each, without reading all of them.
    "CREATE INDEX temporal_values_attribute ON temporal_values (tenant, entity, attribute, time)",
    # Takes what no month's partition takes: history that is brought in, and clocks gone wrong.
    "CREATE TABLE temporal_values_default PARTITION OF temporal_values DEFAULT",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
