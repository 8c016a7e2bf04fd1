"""Roll-ups by month; and all of them in the order in which figures read them: a few keys over a long time."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"

_ORDERED = (("flow_hourly", "key", "hour"), ("flow_daily", "key", "day"), ("request_hourly", "keyset", "hour"),
            ("request_daily", "keyset", "day"))  # fmt: skip
_STATEMENTS = (
    *(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY ({by}, {unit})"
      for table, by, unit in _ORDERED),
    *(f"CREATE INDEX {table}_time ON {table} USING brin ({unit})" for table, _, unit in _ORDERED),
    # month: its first day
    """CREATE TABLE flow_monthly (
        month date NOT NULL,
        key integer NOT NULL,
        flows bigint NOT NULL,
        entities bigint NOT NULL,
        bytes bigint NOT NULL,
        PRIMARY KEY (month, key)
    )""",
    """CREATE TABLE request_monthly (
        month date NOT NULL,
        keyset integer NOT NULL,
        requests bigint NOT NULL,
        PRIMARY KEY (month, keyset)
    )""",
    """INSERT INTO flow_monthly SELECT date_trunc('month', day::timestamp)::date, key, sum(flows), sum(entities),
        sum(bytes) FROM flow_daily GROUP BY 1, 2""",
    """INSERT INTO request_monthly SELECT date_trunc('month', day::timestamp)::date, keyset, sum(requests)
        FROM request_daily GROUP BY 1, 2""",
)  # fmt: skip


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
