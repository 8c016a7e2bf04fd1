"""Keys of what local entities hold, in order: equality, ranges, scopes, times and order by any attribute."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"

_STATEMENTS = (
    # `place`: digest of tenant and path, which may be longer than an index's entry.
    """CREATE TABLE entity_lanes (
        lane integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        place bytea NOT NULL,
        kind text COLLATE "C" NOT NULL,
        role smallint NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        path text COLLATE "C" NOT NULL,
        UNIQUE (place, kind, role)
    )""",
    # Looked at and written through its index alone. Keys of existing entities are made by broker/store/entity_fill.py.
    """CREATE TABLE entity_values (
        lane integer NOT NULL,
        key bytea NOT NULL,
        id text COLLATE "C" NOT NULL,
        CONSTRAINT entity_values_order PRIMARY KEY (lane, key, id)
    )""",
    # Most changes take a key away; pages that are all visible are what reads of the index alone live on.
    """ALTER TABLE entity_values SET (
        autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05)""",
    # How the keys that are there were made (schemas/ngsi_ld/sort_key.py); none: there are none yet.
    "CREATE TABLE entity_keys (scheme text NOT NULL)",
    # The keys do what it did.
    "DROP INDEX entities_content",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
