"""What the gateway itself publishes, as rows of its catalogue."""

from __future__ import annotations

from datetime import date

from broker.store.catalog_rows import UPSERT, payload
from broker.store.database import Database
from catalog.indexing import DatasetRow


class CatalogOwn:
    """Methods raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def months(self, before: date) -> list[date]:
        """The first days of the months before that day of which there is anything to count, in order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT month FROM request_monthly WHERE month < $1 ORDER BY month", before
            )
        return [row["month"] for row in rows]

    async def put(self, row: DatasetRow) -> bool:
        """Whether it is another than there was."""
        async with self._database.transaction() as connection:
            known = await connection.fetchval("SELECT document FROM catalog_datasets WHERE id = $1 FOR UPDATE", row.id)
            if known == row.document:
                return False
            await connection.fetch(UPSERT, payload([row]), 0)
        return True
