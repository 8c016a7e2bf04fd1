"""Live datasets: what was sampled of them, whose turn it is, and their rows in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from broker.store.catalog_clusters import recluster
from broker.store.catalog_rows import UPSERT, payload
from broker.store.database import Database
from catalog.indexing import DatasetRow
from schemas.dataset import BBox, Live

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('kakehashi catalog live'))"
_SEE = """
INSERT INTO catalog_records (source, identifier, digest, run)
SELECT source, identifier, digest, 0
FROM unnest($1::text[], $2::text[], $3::bytea[]) AS s (source, identifier, digest)
ON CONFLICT (source, identifier) DO UPDATE SET digest = excluded.digest"""
_GONE = """
WITH gone AS (
    DELETE FROM catalog_datasets WHERE id = ANY($1::text[]) RETURNING id, source, identifier, title
), records AS (
    DELETE FROM catalog_records r USING gone WHERE (r.source, r.identifier) = (gone.source, gone.identifier)
)
INSERT INTO catalog_changes (source, run, kind, dataset, identifier, title)
SELECT source, 0, 'removed', id, identifier, title FROM gone"""
_CLAIM = """
UPDATE catalog_live SET sampled_at = now() WHERE id IN (
    SELECT id FROM catalog_live WHERE sampled_at IS NULL OR sampled_at < now() - $1::interval
    ORDER BY sampled_at NULLS FIRST, id LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id"""


class Facts(msgspec.Struct, frozen=True):
    """What a sample told."""

    live: Live
    extent: BBox | None = None


_facts = msgspec.json.Decoder(Facts)


class CatalogLive:
    """Any number of workers may use it at once. Methods raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self) -> dict[str, bytes]:
        """The digests of the live datasets' rows, by id."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT d.id, r.digest FROM catalog_datasets d LEFT JOIN catalog_records r USING (source, identifier)"
                " WHERE d.live"
            )
        return {row["id"]: row["digest"] or b"" for row in rows}

    async def put(self, rows: Sequence[DatasetRow], digests: Mapping[str, bytes], gone: Sequence[str]) -> None:
        """Write rows (`digests` are by id), and take away those that are gone."""
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK)
            if rows:
                await connection.fetch(UPSERT, payload(rows), 0)
                await connection.execute(
                    _SEE, [r.source for r in rows], [r.identifier for r in rows], [digests[r.id] for r in rows]
                )
                await connection.execute(
                    "INSERT INTO catalog_live (id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
                    [r.id for r in rows],
                )
            if gone:
                await connection.execute(_GONE, list(gone))
                await connection.execute("DELETE FROM catalog_live WHERE id = ANY($1::text[])", list(gone))

    async def cluster(self) -> None:
        """Find out anew what is the same."""
        await recluster(self._database)

    async def facts(self) -> dict[str, Facts]:
        """What was sampled, by id."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT id, facts FROM catalog_live WHERE facts IS NOT NULL")
        return {row["id"]: _facts.decode(row["facts"]) for row in rows}

    async def turn(self, older: float, most: int) -> list[str]:
        """Datasets that this worker is to sample now, as they were sampled more than `older` seconds ago or never."""
        async with self._database.connection() as connection:
            return [row["id"] for row in await connection.fetch(_CLAIM, timedelta(seconds=older), most)]

    async def tell(self, id_: str, facts: Facts) -> None:
        """Keep what a sample told."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE catalog_live SET facts = $2 WHERE id = $1", id_, msgspec.json.encode(facts).decode()
            )
