"""Services have roles, and up to two keys at a time, so that one can be changed for the other without a gap."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"

_STATEMENTS = (
    "ALTER TABLE services ADD COLUMN roles text[] NOT NULL DEFAULT '{service}'",
    """CREATE TABLE service_keys (
        hash bytea PRIMARY KEY,
        service text COLLATE "C" NOT NULL REFERENCES services ON DELETE CASCADE,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        last_used timestamptz
    )""",
    "CREATE INDEX service_keys_of ON service_keys (service)",
    "INSERT INTO service_keys (hash, service, created_at) SELECT key_hash, id, created_at FROM services",
    "ALTER TABLE services DROP COLUMN key_hash",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
