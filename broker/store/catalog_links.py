"""Which files of the catalogue could not be had the last time that somebody asked for them."""

from __future__ import annotations

from broker.store.database import Database

_FAILED = """
INSERT INTO catalog_links (dataset, place, url, failed_at, words)
SELECT $1, $2, $3, now(), $4 WHERE EXISTS (SELECT FROM catalog_datasets WHERE id = $1)
ON CONFLICT (dataset, place) DO UPDATE SET url = excluded.url, failed_at = excluded.failed_at, words = excluded.words"""


class CatalogLinks:
    """Methods raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def failed(self, dataset: str, place: int, url: str, words: str) -> None:
        """It could not be had."""
        async with self._database.connection() as connection:
            await connection.execute(_FAILED, dataset, place, url, words[:500])

    async def alive(self, dataset: str, place: int) -> None:
        """It was had again."""
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM catalog_links WHERE dataset = $1 AND place = $2", dataset, place)
