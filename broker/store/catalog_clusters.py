"""The same dataset in several catalogues: rows that share a key get one cluster, in which a search shows one hit."""

from __future__ import annotations

from broker.store.database import Database

# Alone in each of its sources: a key that two datasets of one catalogue share tells nothing of what is the same.
_SHARED = """
SELECT array_agg(id ORDER BY id) AS ids
FROM catalog_datasets CROSS JOIN LATERAL unnest(keys) AS k (key)
GROUP BY key HAVING count(*) > 1 AND count(DISTINCT source) = count(*)"""
_STRAY = "SELECT id FROM catalog_datasets WHERE cluster <> id"
_SET = """
UPDATE catalog_datasets d SET cluster = given.cluster
FROM unnest($1::text[], $2::text[]) AS given (id, cluster)
WHERE d.id = given.id AND d.cluster <> given.cluster"""


async def recluster(database: Database) -> int:
    """Find out anew which rows are the same dataset; how many are in a cluster of several. Raises `StoreUnavailable`.

    A cluster is called by its first id, so that it comes out the same whoever computes it.
    """
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('kakehashi catalog clusters'))")
        parent: dict[str, str] = {}
        for row in await connection.fetch(_SHARED, timeout=120):
            first, *others = row["ids"]
            for other in others:
                a, b = _root(parent, first), _root(parent, other)
                if a != b:
                    parent[max(a, b)] = min(a, b)
        members = set(parent) | set(parent.values())
        wanted = {row["id"]: row["id"] for row in await connection.fetch(_STRAY)}
        wanted |= {one: _root(parent, one) for one in members}
        await connection.execute(_SET, list(wanted), list(wanted.values()), timeout=120)
        return len(members)


def _root(parent: dict[str, str], one: str) -> str:
    while one in parent:
        one = parent[one]
    return one
