"""Agreements: versions and steps that are never changed, what was used of them, and what is open to all."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

_STATEMENTS = (
    """CREATE TABLE agreements (
        id text COLLATE "C" PRIMARY KEY,
        created_at timestamptz NOT NULL
    )""",
    """CREATE TABLE agreement_versions (
        agreement text COLLATE "C" NOT NULL REFERENCES agreements,
        number integer NOT NULL CHECK (number > 0),
        -- canonical JSON (RFC 8785), kept as the bytes that are hashed and signed
        terms bytea NOT NULL,
        needs text[] NOT NULL,
        PRIMARY KEY (agreement, number)
    )""",
    """CREATE TABLE agreement_steps (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        agreement text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        action text NOT NULL,
        party text NOT NULL,
        actor text NOT NULL,
        time timestamptz NOT NULL,
        reason text NOT NULL,
        jws text,
        key text,
        FOREIGN KEY (agreement, version) REFERENCES agreement_versions (agreement, number)
    )""",
    "CREATE INDEX agreement_steps_of ON agreement_steps (agreement, seq)",
    """CREATE FUNCTION kakehashi_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
    END $$""",
    """CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON agreement_versions
        FOR EACH STATEMENT EXECUTE FUNCTION kakehashi_never_changed()""",
    """CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON agreement_steps
        FOR EACH STATEMENT EXECUTE FUNCTION kakehashi_never_changed()""",
    # What workers have taken of a quota, whether they have used it yet or not; see broker/store/agreement_usage.py.
    """CREATE TABLE agreement_usage (
        agreement text COLLATE "C" NOT NULL REFERENCES agreements,
        measure text NOT NULL CHECK (measure IN ('requests', 'entities')),
        period date NOT NULL,
        monthly boolean NOT NULL,
        taken bigint NOT NULL,
        PRIMARY KEY (agreement, measure, monthly, period)
    )""",
    # What is registered already was there for everyone who has a key, and stays so until its owner says otherwise.
    "ALTER TABLE platforms ADD COLUMN open_data jsonb NOT NULL DEFAULT 'true'",
    "ALTER TABLE platforms ALTER COLUMN open_data SET DEFAULT 'false'",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
