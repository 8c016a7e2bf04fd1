"""Subscriptions, what came of them, and the outbox of what is to be notified."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

_KEY = """tenant text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        subscription text COLLATE "C" NOT NULL"""

_STATEMENTS = (
    f"""CREATE TABLE subscriptions (
        {_KEY},
        -- names as IRIs, without the endpoint
        document jsonb NOT NULL,
        -- the endpoint, which may carry credentials
        sealed bytea NOT NULL,
        context jsonb NOT NULL,
        base text NOT NULL,
        owner text COLLATE "C" NOT NULL,
        consumer jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        modified_at timestamptz NOT NULL,
        version bigint NOT NULL,
        PRIMARY KEY (tenant, kind, subscription)
    )""",
    # Apart from the subscriptions, since it changes with every notification. A worker that notifies holds the row by a
    # lease: no transaction is open while a receiver is waited for.
    f"""CREATE TABLE subscription_states (
        {_KEY},
        times_sent bigint NOT NULL DEFAULT 0,
        times_failed bigint NOT NULL DEFAULT 0,
        last_notification timestamptz,
        last_success timestamptz,
        last_failure timestamptz,
        status text,
        failures integer NOT NULL DEFAULT 0,
        resume_at timestamptz,
        next_at timestamptz,
        holder uuid,
        leased_until timestamptz,
        PRIMARY KEY (tenant, kind, subscription)
    ) WITH (fillfactor = 70)""",
    "CREATE INDEX subscription_states_next ON subscription_states (next_at) WHERE next_at IS NOT NULL",
    # No foreign key: a subscription that is deleted must not make the write of an entity fail.
    f"""CREATE TABLE notifications (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        {_KEY},
        id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        body bytea NOT NULL
    )""",
    "CREATE INDEX notifications_line ON notifications (tenant, kind, subscription, seq)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
