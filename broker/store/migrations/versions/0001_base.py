"""Platforms with their credentials, services, the local entities, and the versions of the change feed."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    # One row per table that processes keep in memory; see broker/store/feed.py.
    """CREATE TABLE changes (
        name text PRIMARY KEY,
        version bigint NOT NULL
    )""",
    """CREATE TABLE platforms (
        id text COLLATE "C" PRIMARY KEY,
        adapter text NOT NULL,
        endpoint text NOT NULL,
        area text,
        organisation text,
        name text NOT NULL,
        registry_tenant text NOT NULL,
        tenant text,
        service_path text,
        context text,
        options jsonb NOT NULL,
        coverage jsonb NOT NULL,
        mode text NOT NULL,
        timeout_ms integer NOT NULL,
        max_concurrency integer NOT NULL,
        state text NOT NULL,
        probe jsonb,
        created_at timestamptz NOT NULL,
        modified_at timestamptz NOT NULL,
        version bigint NOT NULL
    )""",
    """CREATE TABLE credentials (
        platform text COLLATE "C" PRIMARY KEY REFERENCES platforms ON DELETE CASCADE,
        sealed bytea NOT NULL
    )""",
    """CREATE TABLE services (
        id text COLLATE "C" PRIMARY KEY,
        name text NOT NULL,
        organisation text,
        project text,
        area text,
        kind text NOT NULL CHECK (kind IN ('interactive', 'batch')),
        key_hash bytea NOT NULL UNIQUE,
        disabled boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL
    )""",
    "CREATE SEQUENCE entity_versions",
    """CREATE TABLE entities (
        tenant text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        types text[] COLLATE "C" NOT NULL,
        entity jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        modified_at timestamptz NOT NULL,
        version bigint NOT NULL DEFAULT nextval('entity_versions'),
        PRIMARY KEY (tenant, id)
    )""",
    "CREATE INDEX entities_types ON entities USING gin (types)",
    "CREATE INDEX entities_content ON entities USING gin (entity jsonb_path_ops)",
    # No foreign key: its checks would cost more than the statements that keep the two in step.
    """CREATE TABLE entity_boxes (
        tenant text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        attribute text COLLATE "C" NOT NULL,
        bounds box NOT NULL
    )""",
    "CREATE INDEX entity_boxes_owner ON entity_boxes (tenant, id)",
    "CREATE INDEX entity_boxes_bounds ON entity_boxes USING gist (bounds)",
    """CREATE TABLE local_types (
        tenant text COLLATE "C" NOT NULL,
        type text COLLATE "C" NOT NULL,
        PRIMARY KEY (tenant, type)
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
