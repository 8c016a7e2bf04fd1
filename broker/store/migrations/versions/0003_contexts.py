"""The stored @contexts, and the tenants that there are."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    "CREATE SEQUENCE context_versions",
    # body is null for a cached one: each process fetches its own copy. digest finds the same inline value again.
    # A cached one is a copy of what is public, so it belongs to no tenant.
    """CREATE TABLE contexts (
        id text COLLATE "C" PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL,
        kind text NOT NULL CHECK (kind IN ('Hosted', 'Cached', 'ImplicitlyCreated')),
        url text COLLATE "C" UNIQUE,
        digest bytea,
        body bytea,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        last_usage timestamptz,
        hits bigint NOT NULL DEFAULT 0,
        version bigint NOT NULL DEFAULT nextval('context_versions'),
        UNIQUE (tenant, digest),
        CHECK ((kind = 'Cached') = (url IS NOT NULL)),
        CHECK (kind <> 'Cached' OR tenant = ''),
        CHECK ((kind = 'ImplicitlyCreated') = (digest IS NOT NULL)),
        CHECK (kind = 'Cached' OR body IS NOT NULL)
    )""",
    "ALTER SEQUENCE context_versions OWNED BY contexts.version",
    "CREATE INDEX contexts_kind ON contexts (kind, id)",
    """CREATE TABLE tenants (
        name text COLLATE "C" PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
    """INSERT INTO tenants (name)
        SELECT tenant FROM local_types WHERE tenant <> ''
        UNION SELECT registry_tenant FROM platforms WHERE registry_tenant <> ''""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
