"""Datasets to search in: the portal's, and what the programme's areas hold live."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from adapters.ckan.translate import translate
from adapters.testing.portal import packages
from broker.store.catalog_rows import UPSERT, payload
from broker.store.database import Database
from catalog.indexing import DatasetRow, index
from catalog.live import live_dataset
from schemas.catalogue import CatalogueSource
from schemas.dataset import Dataset, Live
from schemas.ngsi_ld.context import CORE
from schemas.platform import Platform

_LIVE = (
    ("toyosu", "EvacuationShelter"),
    ("toyosu", "WeatherObserved"),
    ("otemachi", "AccessibleToilet"),
    ("otemachi", "CrowdFlowObserved"),
    ("takeshiba", "CrowdFlowObserved"),
    ("nishi-shinjuku", "BikeHireDockingStation"),
)


def datasets(count: int) -> Iterable[Dataset]:
    source = CatalogueSource("tokyo", "ckan", "https://catalog.example.jp")
    for record in packages(count):
        yield translate(record, source, {})
    for area, name in _LIVE:
        type_iri = CORE.expand(name)
        platform = Platform(f"{area}-platform", "ngsi_ld", "", area=area, organisation=f"{area} area management")
        yield live_dataset(platform, type_iri, Live(platform.id, types=(type_iri,), count=20), healthy=True)


def corpus(count: int, today: date) -> list[DatasetRow]:
    return [index(dataset, today) for dataset in datasets(count)]


async def stored(database: Database, rows: list[DatasetRow]) -> None:
    for start in range(0, len(rows), 500):
        async with database.transaction() as connection:
            await connection.fetch(UPSERT, payload(rows[start : start + 500]), 1)
    async with database.connection() as connection:
        await connection.execute("ANALYZE catalog_datasets")
