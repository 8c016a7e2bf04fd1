"""EntityMaps: which entities a query found, in its order, and which sources hold each (clause 5.2.39)."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    """CREATE TABLE entity_maps (
        id text COLLATE "C" PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL,
        owner text COLLATE "C" NOT NULL,
        digest bytea NOT NULL,
        expires_at timestamptz NOT NULL
    )""",
    "CREATE INDEX entity_maps_owner ON entity_maps (owner, expires_at)",
    "CREATE INDEX entity_maps_expiry ON entity_maps (expires_at)",
    # '@none' in sources is the local store, as the clause writes it.
    """CREATE TABLE entity_map_entries (
        map text COLLATE "C" NOT NULL REFERENCES entity_maps ON DELETE CASCADE,
        position integer NOT NULL,
        entity text COLLATE "C" NOT NULL,
        sources text[] NOT NULL,
        PRIMARY KEY (map, position)
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
