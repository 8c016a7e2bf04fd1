"""Projects, the versions of their KPIs, what was entered, and what was reported."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

_STATEMENTS = (
    # The newest version counts; none is ever changed.
    """CREATE TABLE projects (
        id text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        body jsonb NOT NULL,
        actor text COLLATE "C" NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (id, version)
    )""",
    """CREATE TABLE kpi_versions (
        project text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        state text COLLATE "C" NOT NULL,
        body jsonb NOT NULL,
        digest text COLLATE "C" NOT NULL,
        -- who proposed it, for which side, why
        actor text COLLATE "C" NOT NULL,
        side text COLLATE "C" NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL,
        -- who agreed to it, by side
        agreed jsonb NOT NULL DEFAULT '{}',
        PRIMARY KEY (project, id, version)
    )""",
    "CREATE UNIQUE INDEX kpi_versions_open ON kpi_versions (project, id) WHERE state IN ('proposed', 'negotiated')",
    # Values and remarks that a project enters; a later entry for the same period goes before an earlier one.
    """CREATE TABLE kpi_entries (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        project text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        period text COLLATE "C" NOT NULL,
        body jsonb NOT NULL,
        actor text COLLATE "C" NOT NULL,
        at timestamptz NOT NULL
    )""",
    "CREATE INDEX kpi_entries_of ON kpi_entries (project, id, period, seq)",
    # Everything that was filed: 状況報告, closings, 結果報告, evaluations, meetings. Never changed.
    """CREATE TABLE kpi_filings (
        project text COLLATE "C" NOT NULL,
        year integer NOT NULL,
        number integer NOT NULL,
        kind text COLLATE "C" NOT NULL,
        body bytea NOT NULL,
        digest text COLLATE "C" NOT NULL,
        actor text COLLATE "C" NOT NULL,
        at timestamptz NOT NULL,
        supersedes integer,
        PRIMARY KEY (project, year, number)
    )""",
    # one that corrects another names it, and nobody else names the same
    "CREATE UNIQUE INDEX kpi_filings_chain ON kpi_filings (project, year, kind, coalesce(supersedes, 0))"
    " WHERE kind IN ('closing', 'result')",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
