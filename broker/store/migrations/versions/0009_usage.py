"""Roll-ups of the flows, by hour and by Tokyo's day, from which the figures are counted."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

_STATEMENTS = (
    # What flows have in common that a figure can filter by; few beside the flows.
    """CREATE TABLE usage_keys (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        service text COLLATE "C" NOT NULL,
        organisation text COLLATE "C",
        project text COLLATE "C",
        consumer_area text COLLATE "C",
        batch boolean NOT NULL,
        platform text COLLATE "C" NOT NULL,
        provider_organisation text COLLATE "C",
        provider_area text COLLATE "C",
        cross_area boolean NOT NULL,
        types text[] COLLATE "C" NOT NULL,
        operation text COLLATE "C" NOT NULL,
        delivered boolean NOT NULL,
        replay boolean NOT NULL
    )""",
    # The keys that the flows of one request have, in order: a request counts once however many answered it.
    """CREATE TABLE usage_sets (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        keys integer[] NOT NULL
    )""",
    """CREATE TABLE flow_hourly (
        hour timestamptz NOT NULL,
        key integer NOT NULL,
        flows bigint NOT NULL,
        entities bigint NOT NULL,
        bytes bigint NOT NULL,
        PRIMARY KEY (hour, key)
    )""",
    """CREATE TABLE flow_daily (
        day date NOT NULL,
        key integer NOT NULL,
        flows bigint NOT NULL,
        entities bigint NOT NULL,
        bytes bigint NOT NULL,
        PRIMARY KEY (day, key)
    )""",
    # minutes: bit n is set if a request came in minute n of the hour, for windows of de-duplication
    """CREATE TABLE request_hourly (
        hour timestamptz NOT NULL,
        keyset integer NOT NULL,
        requests bigint NOT NULL,
        minutes bigint NOT NULL,
        PRIMARY KEY (hour, keyset)
    )""",
    """CREATE TABLE request_daily (
        day date NOT NULL,
        keyset integer NOT NULL,
        requests bigint NOT NULL,
        PRIMARY KEY (day, keyset)
    )""",
    # Flows of transactions below this number are in the roll-ups. 0: none yet, or all to be counted anew.
    """CREATE TABLE usage_progress (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        below bigint NOT NULL
    )""",
    "INSERT INTO usage_progress (below) VALUES (0)",
    # Days whose flows have changed otherwise than by new ones (corrections); counted anew at the next turn.
    "CREATE TABLE usage_dirty (day date PRIMARY KEY)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
