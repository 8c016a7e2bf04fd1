"""Real open data of the wards, read without a mapping and with one. Skipped where the data are not at hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from adapters.contract import Adapter, SourceContext
from adapters.testing.session import Session
from adapters.testing.shape import faults
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import parse_type_selection

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
HAMAMATSUCHO = (139.7570, 35.6553)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real data folder is not beside the checkout")

Open = Callable[..., Awaitable[Adapter]]


def soon() -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + 5)


@pytest.mark.parametrize(("ward", "shelters"), [("131016", 15), ("131032", 83), ("131041", 129), ("131083", 202)])
async def test_every_shelter_is_there_with_its_own_id(open_file: Open, ward: str, shelters: int) -> None:
    path = f"shelters/evacuation-{ward}.geojson"
    adapter = await open_file(f"file:{path}", {"type": "EvacuationShelter"}, data_dirs=(str(DATA),))
    query = EntityQuery(types=parse_type_selection("EvacuationShelter"), limit=1000, count=True)
    taken = await Session(adapter, soon).ask(query)
    ids = {f["properties"]["共通ID"] for f in orjson.loads((DATA / path).read_bytes())["features"]}
    assert taken.total == shelters
    assert set(taken.ids) == {f"urn:ngsi-ld:EvacuationShelter:{i}" for i in ids}
    assert [fault for entity in taken.kept for fault in faults(entity)] == []


async def test_near_the_station_equals_brute_force(open_file: Open) -> None:
    path = "shelters/evacuation-131032.geojson"
    adapter = await open_file(f"file:{path}", {"type": "EvacuationShelter"}, data_dirs=(str(DATA),))
    geo = parse_geo("near;maxDistance==1000", "Point", f"[{HAMAMATSUCHO[0]},{HAMAMATSUCHO[1]}]")
    taken = await Session(adapter, soon).ask(EntityQuery(geo=geo, limit=1000))
    expected = {
        f"urn:ngsi-ld:EvacuationShelter:{f['properties']['共通ID']}"
        for f in orjson.loads((DATA / path).read_bytes())["features"]
        if metres(*HAMAMATSUCHO, *f["geometry"]["coordinates"]) <= 1000
    }
    assert set(taken.ids) == expected
    assert expected


async def test_a_mapping_gives_the_names_of_a_data_model(open_file: Open) -> None:
    mapping = {
        "type": "EvacuationShelter",
        "id": "共通ID",
        "attributes": {"name": {"from": "施設・場所名"}, "address": "住所", "acceptedPersons": "受入対象者"},
    }
    adapter = await open_file("file:shelters/evacuation-131041.geojson", {"mapping": mapping}, data_dirs=(str(DATA),))
    result = await adapter.probe(soon())
    assert result.ok, result.problem
    taken = await Session(adapter, soon).ask(EntityQuery(ids=("urn:ngsi-ld:EvacuationShelter:E1310400002121",)))
    assert taken.kept[0]["name"]["value"] == "榎町子ども家庭支援センター"
    assert taken.kept[0]["acceptedPersons"]["value"] == "高齢者"


async def test_the_toilets_of_chiyoda(open_file: Open) -> None:
    mapping = {
        "type": "AccessibleToilet",
        "id": "id",
        "attributes": {
            "name": "toilet_name",
            "floor": "floor",
            "ostomate": {"from": "features.has_ostomate_facilities", "type": "boolean"},
        },
        "location": {"latitude": "location.latitude", "longitude": "location.longitude"},
    }
    for options in ({"type": "AccessibleToilet"}, {"mapping": mapping}):
        adapter = await open_file("file:toilets/chiyoda.json", options, data_dirs=(str(DATA),))
        result = await adapter.probe(soon())
        assert (result.ok, result.sample) == (True, 88)
        taken = await Session(adapter, soon).ask(EntityQuery(limit=1000))
        assert [fault for entity in taken.kept for fault in faults(entity)] == []
        assert all("location" in entity for entity in taken.kept)


def metres(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Haversine on a sphere of 6,371,008.8 m, written here apart from what is tested."""
    a, b = math.radians(lat1), math.radians(lat2)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))
