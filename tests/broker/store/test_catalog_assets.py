from __future__ import annotations

from datetime import date

import msgspec

from broker.store.catalog_assets import USABLE, CatalogAssets
from broker.store.catalog_clusters import recluster
from broker.store.catalog_rows import UPSERT, payload
from broker.store.database import Database
from catalog.indexing import index
from catalog.live import live_dataset
from schemas.dataset import Access, Agent, Dataset, Distribution, Licence, Live
from schemas.platform import Platform

TODAY = date(2026, 11, 1)
GOOD = Dataset(
    "tokyo",
    "1",
    "避難所一覧",
    description="説明",
    publisher=Agent("江東区"),
    contact=Agent("防災課"),
    licence=Licence("CC-BY-4.0"),
    access=Access.OPEN,
    keywords=("避難所",),
    modified="2026-04-01",
    distributions=(Distribution("0", download_url="https://x.example/a.csv", format="CSV"),),
)
POOR = Dataset("tokyo", "2", "題名だけ")


def live(platform: str, count: int | None) -> Dataset:
    place = Platform(platform, "ngsi_ld", "", area="toyosu", organisation="豊洲", open_data=True)
    return live_dataset(place, "urn:t:A", Live(platform, types=("urn:t:A",), count=count), healthy=True)


async def put(database: Database, *datasets: Dataset) -> None:
    async with database.transaction() as connection:
        await connection.fetch(UPSERT, payload([index(one, TODAY) for one in datasets]), 1)
    await recluster(database)


async def test_assets_are_usable_and_counted_once(database: Database) -> None:
    copy = msgspec.structs.replace(GOOD, source="national", identifier="x", contact=Agent())
    series = msgspec.structs.replace(GOOD, identifier="s", title="連続", is_series=True, distributions=())
    await put(database, GOOD, POOR, copy, series, live("a", 5))
    assets = CatalogAssets(database)
    counts = await assets.counted()
    assert (counts.live, counts.harvested, counts.poor, counts.duplicates) == (1, 1, 1, 1)
    assert counts.usable == 2
    found = {(a.platform, a.identifier, a.live) for a in await assets.usable()}
    # of the two copies the better one stands for both
    assert found == {("a", "urn:t:A", True), ("tokyo", "1", False)}
    assert all(a.score >= USABLE for a in await assets.usable())
    assert (await assets.counted(0)).poor == 0
    assert await assets.usable(101) == []


async def test_a_platform_that_is_registered_twice_is_one_asset(database: Database) -> None:
    def registered(name: str, **changes: str) -> Dataset:
        given = {"endpoint": "https://platform.example/v2", "area": "toyosu", **changes}
        place = Platform(name, "ngsi_v2", given["endpoint"], area=given["area"], organisation="豊洲", open_data=True)
        return live_dataset(place, "urn:t:A", Live(name, types=("urn:t:A",), count=5), healthy=True)

    await put(database, registered("a"), registered("b", endpoint="https://platform.example/v2/"))
    assert (await CatalogAssets(database).counted()).duplicates == 1
    await put(database, registered("c", area="takeshiba"), registered("d", endpoint="https://other.example"))
    counts = await CatalogAssets(database).counted()
    assert (counts.live, counts.duplicates) == (3, 1)
