"""The public statistics in the catalogue: a dataset that is written anew when a month has ended."""

from __future__ import annotations

from datetime import date

from broker.store.catalog_own import CatalogOwn
from broker.store.database import Database
from broker.store.usage_rollup import roll_up
from catalog.indexing import index
from catalog.statistics import statistics_dataset


class StatisticsListing:
    """One process at a time."""

    def __init__(self, database: Database, publisher: str, licence: str) -> None:
        self._database = database
        self._store = CatalogOwn(database)
        self._publisher = publisher
        self._licence = licence
        self._listed: date | None = None

    async def turn(self, today: date) -> None:
        """Nothing is listed before a whole month has passed of which there is anything to tell. StoreUnavailable."""
        month = today.replace(day=1)
        if self._listed == month:
            return
        await roll_up(self._database)
        months = await self._store.months(month)
        if months:
            await self._store.put(index(statistics_dataset(months, self._publisher, self._licence), today))
            self._listed = month
