"""The tenants that there are (clause 5.5.10): made by the first successful write, and never forgotten."""

from __future__ import annotations

from broker.store.database import Database
from broker.store.feed import bump
from broker.store.text import require_key

FEED = "tenants"


class TenantNames:
    """Methods raise `StoreUnavailable`. The default tenant "" is always there and not among them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> frozenset[str]:
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT name FROM tenants")
        return frozenset(row["name"] for row in rows)

    async def add(self, name: str) -> None:
        """All processes see it by the change feed. Raises `BadRequestData` for what is no name."""
        require_key(name, "NGSILD-Tenant")
        async with self._database.transaction() as connection:
            if await connection.fetchval(
                "INSERT INTO tenants (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", name
            ):
                await bump(connection, FEED)
