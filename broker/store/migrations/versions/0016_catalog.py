"""The catalogue: its sources with the state of their harvest, datasets with what they are found by, and a log."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

_STATEMENTS = (
    """CREATE TABLE catalog_sources (
        id text COLLATE "C" PRIMARY KEY,
        kind text COLLATE "C" NOT NULL,
        endpoint text NOT NULL,
        title text NOT NULL,
        area text COLLATE "C",
        organisation text,
        mode text COLLATE "C" NOT NULL,
        options jsonb NOT NULL,
        interval_s integer NOT NULL,
        sealed bytea,
        created_at timestamptz NOT NULL DEFAULT now(),
        version bigint NOT NULL DEFAULT 1,
        -- the harvest: where it is, how it ended, and whose it is now
        state text COLLATE "C" NOT NULL DEFAULT 'never',
        run bigint NOT NULL DEFAULT 0,
        cursor text NOT NULL DEFAULT '',
        validator text NOT NULL DEFAULT '',
        new_validator text NOT NULL DEFAULT '',
        started timestamptz,
        ended timestamptz,
        succeeded timestamptz,
        due timestamptz,
        failures integer NOT NULL DEFAULT 0,
        problem text NOT NULL DEFAULT '',
        seen bigint NOT NULL DEFAULT 0,
        total bigint,
        added bigint NOT NULL DEFAULT 0,
        changed bigint NOT NULL DEFAULT 0,
        removed bigint NOT NULL DEFAULT 0,
        unchanged bigint NOT NULL DEFAULT 0,
        skipped bigint NOT NULL DEFAULT 0,
        lease_owner uuid,
        lease_until timestamptz
    )""",
    # What was seen of a source, and when last: small rows, as every harvest writes all of them.
    """CREATE TABLE catalog_records (
        source text COLLATE "C" NOT NULL,
        identifier text COLLATE "C" NOT NULL,
        digest bytea NOT NULL,
        run bigint NOT NULL,
        PRIMARY KEY (source, identifier)
    ) WITH (fillfactor = 70)""",
    """CREATE TABLE catalog_datasets (
        id text COLLATE "C" PRIMARY KEY,
        source text COLLATE "C" NOT NULL,
        identifier text COLLATE "C" NOT NULL,
        document text NOT NULL,
        added_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now(),
        -- the same dataset in several catalogues has one cluster; keys are what it is recognised by
        cluster text COLLATE "C" NOT NULL,
        keys text[] COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        title text COLLATE "C" NOT NULL,
        -- lexemes without positions: of title and keywords, and of everything
        head tsvector NOT NULL,
        words tsvector NOT NULL,
        areas text[] COLLATE "C" NOT NULL,
        publisher text COLLATE "C" NOT NULL,
        themes text[] COLLATE "C" NOT NULL,
        keywords text[] COLLATE "C" NOT NULL,
        formats text[] COLLATE "C" NOT NULL,
        licence text COLLATE "C" NOT NULL,
        access text COLLATE "C" NOT NULL,
        types text[] COLLATE "C" NOT NULL,
        live boolean NOT NULL,
        extent box,
        covers daterange,
        modified timestamptz,
        usable real NOT NULL,
        score smallint NOT NULL,
        UNIQUE (source, identifier)
    )""",
    "ALTER TABLE catalog_datasets ALTER COLUMN head SET STORAGE MAIN",
    "CREATE INDEX catalog_words ON catalog_datasets USING gin (words)",
    "CREATE INDEX catalog_keys ON catalog_datasets USING gin (keys)",
    "CREATE INDEX catalog_extent ON catalog_datasets USING gist (extent)",
    "CREATE INDEX catalog_cluster ON catalog_datasets (cluster)",
    "CREATE INDEX catalog_name ON catalog_datasets (name)",
    "CREATE INDEX catalog_changed ON catalog_datasets (changed_at, id)",
    """CREATE TABLE catalog_changes (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        time timestamptz NOT NULL DEFAULT now(),
        source text COLLATE "C" NOT NULL,
        run bigint NOT NULL,
        kind text COLLATE "C" NOT NULL,
        dataset text COLLATE "C" NOT NULL,
        identifier text COLLATE "C" NOT NULL,
        title text NOT NULL
    )""",
    "CREATE INDEX catalog_changes_source ON catalog_changes (source, seq)",
    """CREATE TABLE catalog_faults (
        source text COLLATE "C" NOT NULL,
        identifier text COLLATE "C" NOT NULL,
        run bigint NOT NULL,
        time timestamptz NOT NULL DEFAULT now(),
        words text NOT NULL,
        PRIMARY KEY (source, identifier)
    )""",
    # What was sampled of live datasets, kept apart from what registrations say of them.
    """CREATE TABLE catalog_live (
        id text COLLATE "C" PRIMARY KEY,
        sampled_at timestamptz,
        facts text
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
