"""Hosts of platforms are left alone when files are looked for, in a house as the command line opens it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from broker.app import open_house
from broker.settings import Access, Settings
from broker.store.catalog_rows import UPSERT, payload
from catalog.indexing import index
from schemas.dataset import Dataset, Distribution


async def test_platforms_are_left_alone_and_portals_with_a_registered_file_are_not(
    database_url: str, tmp_path: Path
) -> None:
    urls = ("http://127.0.0.1:9/a.csv", "http://127.0.0.2:9/b.csv")
    found = tuple(Distribution(str(n), download_url=url, format="CSV") for n, url in enumerate(urls))
    row = index(Dataset("tokyo", "1", "避難所一覧", distributions=found), date(2026, 11, 1))
    given = Settings(home=tmp_path, database_url=database_url, access=Access.OPEN, log_level="error")
    house = await open_house(given, serving=False)
    try:
        async with house.database.transaction() as connection:
            await connection.fetch(UPSERT, payload([row]), 1)
        checker = house.catalogue.checker
        await checker.fill()
        assert await checker.waiting() == 2
        broker = {"id": "broker", "adapter": "ngsi_ld", "endpoint": "http://127.0.0.1:9"}
        await house.enrolment.add(broker, force=True)
        assert await checker.waiting() == 1
        file = {"id": "file", "adapter": "geojson", "endpoint": urls[1], "options": {"type": "EvacuationShelter"}}
        await house.enrolment.add(file, force=True)
        assert await checker.waiting() == 1
    finally:
        await house.close()
