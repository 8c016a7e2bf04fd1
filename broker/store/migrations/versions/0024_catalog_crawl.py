"""Files of the catalogue are looked for: what was found, whose turn it is, which host needs a rest."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"

_STATEMENTS = (
    """ALTER TABLE catalog_links
        ADD host text COLLATE "C" NOT NULL DEFAULT '',
        ADD format text COLLATE "C" NOT NULL DEFAULT '',
        -- null: nobody can say
        ADD alive boolean,
        ADD checked_at timestamptz,
        ADD failures integer NOT NULL DEFAULT 0,
        -- infinity: only its users tell of it
        ADD due timestamptz NOT NULL DEFAULT 'infinity',
        ALTER words SET DEFAULT ''""",
    "UPDATE catalog_links SET alive = false, checked_at = failed_at, failures = 1",
    "ALTER TABLE catalog_links DROP failed_at",
    "CREATE INDEX catalog_links_due ON catalog_links (host, due)",
    "CREATE INDEX catalog_links_url ON catalog_links USING hash (url)",
    """CREATE TABLE catalog_hosts (
        host text COLLATE "C" PRIMARY KEY,
        next_at timestamptz NOT NULL DEFAULT now(),
        failures integer NOT NULL DEFAULT 0,
        lease_owner uuid,
        lease_until timestamptz
    )""",
    # Datasets whose files are still to be taken up: a table of its own, as a column would rewrite their wide rows.
    'CREATE TABLE catalog_unlinked (id text COLLATE "C" PRIMARY KEY)',
    "INSERT INTO catalog_unlinked SELECT id FROM catalog_datasets WHERE NOT live",
    # What is done once a day, or so often a day.
    'CREATE TABLE catalog_chores (name text COLLATE "C" PRIMARY KEY, day date NOT NULL, done integer NOT NULL)',
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
