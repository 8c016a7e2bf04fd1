"""Upkeep of the ledger: of the checkpoints of past days only some are kept; any other can be proved from the tree."""

from __future__ import annotations

from broker.store.database import Database

# Of each hour, the last one and the last one that a witness cosigned. The newest of all stays in any case.
_THIN = """
    DELETE FROM ledger_checkpoints AS c WHERE c.time < now() - interval '2 days'
        AND c.size < (SELECT max(size) FROM ledger_checkpoints)
        AND EXISTS (
            SELECT FROM ledger_checkpoints AS later WHERE later.size > c.size
                AND date_trunc('hour', later.time, 'UTC') = date_trunc('hour', c.time, 'UTC')
                AND (EXISTS (SELECT FROM ledger_cosignatures AS w WHERE w.size = later.size)
                    OR NOT EXISTS (SELECT FROM ledger_cosignatures AS w WHERE w.size = c.size))
        )
"""


async def ledger_upkeep(database: Database) -> None:
    """At start and every hour, by any number of processes. Raises StoreUnavailable."""
    async with database.connection() as connection:
        await connection.execute(_THIN, timeout=60.0)
