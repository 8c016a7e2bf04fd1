"""Which types each tenant has local entities of, kept in step by the writers of entities without a queue of them."""

from __future__ import annotations

import asyncpg

from broker.store.feed import bump

FEED = "local_types"

_LOCK = """
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(key)::text ELSE pg_advisory_xact_lock_shared(key)::text END
FROM (
    SELECT hashtextextended('kakehashi type ' || $1 || ' ' || type, 0) AS key, type = ANY($3::text[]) AS alone
    FROM unnest($2::text[]) AS given (type) ORDER BY key
) AS ordered"""
"""One order for everyone, so that nobody waits in a circle."""


async def settle(connection: asyncpg.Connection, tenant: str, *, gained: set[str], lost: set[str]) -> None:
    """Note types that an entity has got or no longer has; the last act of the transaction that changed entities.

    Whoever adds a type shares its lock, so that writers don't wait for each other; whoever may have taken away its last
    entity holds it alone while looking for others. Since the lock comes after the rows' changes and lasts until the
    commit, one of two such transactions always sees the other's rows. A type that comes or goes bumps the feed.
    """
    if not gained and not lost:
        return
    await connection.execute(_LOCK, tenant, list(gained | lost), list(lost))
    changed = False
    if gained:
        changed = await connection.fetchval(
            "WITH added AS (INSERT INTO local_types SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING RETURNING 1)"
            " SELECT EXISTS (SELECT 1 FROM added)",
            tenant,
            sorted(gained),
        )
    for name in sorted(lost - gained):
        # One at a time: knowing the type, the planner can tell whether the index or the first rows answer sooner.
        gone = await connection.fetchval(
            "DELETE FROM local_types WHERE tenant = $1 AND type = $2 AND NOT EXISTS"
            " (SELECT 1 FROM entities WHERE tenant = $1 AND types @> ARRAY[$2]) RETURNING true",
            tenant,
            name,
        )
        changed = changed or gone is not None
    if changed:
        await bump(connection, FEED)
