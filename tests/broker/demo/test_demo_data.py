"""What the demo's areas hold: synthetic by default, real files where a folder is given, odd ones refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from broker.demo import areas, real_files
from broker.demo.areas import AREAS, CROWD, SHELTER, SITE, TOILET
from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.entity import parse_entity


def feature(common_id: str, **more: str) -> dict[str, Any]:
    properties = {"共通ID": common_id, "施設・場所名": "学校", "住所": "東京都", "備考": ""} | more
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [139.75, 35.69]},
        "properties": properties,
    }


TOILET_RECORD = {
    "id": "13000-1",
    "toilet_name": "1階",
    "prefecture": "東京都",
    "address": "千代田区",
    "floor": None,
    "location": {"longitude": 139.75, "latitude": 35.7},
    "features": {"is_wheelchair_accessible": True, "has_ostomate_facilities": False},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Laid out like the real one: 1, 2 and 3 shelters, sites in two wards, a toilet."""
    source = tmp_path / "data"
    for n, code in enumerate(("131016", "131032", "131083"), 1):
        write(source / f"shelters/evacuation-{code}.geojson", collection(*(feature(f"E{code}{k}") for k in range(n))))
    for code in ("131016", "131032"):
        hazards = {"洪水": "1", "津波": "", "地震": "1"}
        write(source / f"shelters/emergency-{code}.geojson", collection(feature(f"S{code}", **hazards)))
    write(source / "toilets/chiyoda.json", [TOILET_RECORD])
    return source


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def write(file: Path, document: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def test_synthetic_by_default(tmp_path: Path) -> None:
    found = areas.synthetic(tmp_path)
    assert found.source is None
    assert set(found.shelters) == set(AREAS)
    assert min(found.shelters.values()) > 0
    documents = areas.platforms(found, {area: f"http://{area}" for area in AREAS})
    assert {d["area"] for d in documents} == set(AREAS)
    assert len({d["id"] for d in documents}) == len(documents) == 2 + len(found.registrations)
    for type_ in (SHELTER, TOILET, CROWD):
        assert {d["area"] for d in documents if type_ in d["coverage"]["types"]} == set(AREAS)


def test_real_files(folder: Path, tmp_path: Path) -> None:
    found = areas.real(tmp_path / "home", folder)
    assert found.shelters == {"otemachi": 1, "takeshiba": 2, "toyosu": 3}
    by_type = {t: [e for e in found.otemachi if e["type"] == t] for t in (SHELTER, SITE, TOILET, CROWD)}
    assert [e["id"] for e in by_type[SHELTER]] == ["urn:ngsi-ld:EvacuationShelter:E1310160"]
    assert by_type[SITE][0]["disasterType"]["value"] == ["洪水", "地震"]
    assert by_type[TOILET][0] | {"location": 0} == {
        "id": "urn:ngsi-ld:AccessibleToilet:13000-1",
        "type": "AccessibleToilet",
        "name": {"type": "Property", "value": "1階"},
        "address": {"type": "Property", "value": "東京都千代田区"},
        "wheelchairAccessible": {"type": "Property", "value": True},
        "ostomate": {"type": "Property", "value": False},
        "dataProvider": {"type": "Property", "value": "東京都福祉局"},
        "location": 0,
    }
    for entity in found.otemachi:
        parse_entity(entity, context=CORE)
    documents = areas.platforms(found, {area: f"http://{area}" for area in AREAS})
    # real and synthetic of one type would be taken for each other
    assert {d["area"] for d in documents if TOILET in d["coverage"]["types"]} == {"otemachi"}
    assert {d["area"] for d in documents if SITE in d["coverage"]["types"]} == {"otemachi", "takeshiba"}
    served = json.loads((found.toyosu / "evacuation-shelters.geojson").read_text())
    assert len(served["features"]) == 3
    again = areas.real(tmp_path / "home", folder)
    assert again.shelters == found.shelters


def test_a_ward_without_emergency_sites(folder: Path, tmp_path: Path) -> None:
    (folder / "shelters/emergency-131032.geojson").unlink()
    documents = areas.platforms(areas.real(tmp_path / "home", folder), dict.fromkeys(AREAS, "http://x"))
    assert {d["area"] for d in documents if SITE in d["coverage"]["types"]} == {"otemachi"}


def test_sites_in_the_other_dialect() -> None:
    entity = real_files.as_v2(real_files.site(feature("S1", 洪水="1")))
    assert entity["disasterType"] == {"type": "StructuredValue", "value": ["洪水"], "metadata": {}}
    assert entity["location"]["type"] == "geo:json"
    assert entity["name"] == {"type": "Text", "value": "学校", "metadata": {}}


SHELTERS, TOILETS = "shelters/evacuation-131032.geojson", "toilets/chiyoda.json"
ODD: list[tuple[str, Any, str]] = [
    (SHELTERS, None, "can't be read"),
    (TOILETS, None, "can't be read"),
    (SHELTERS, [], "FeatureCollection"),
    (SHELTERS, {"type": "FeatureCollection"}, "FeatureCollection"),
    (SHELTERS, collection(feature("A"), {"type": "Feature"}), "feature 1"),
    (SHELTERS, collection(feature("A"), feature("A")), "feature 1"),
    (SHELTERS, collection(feature("")), "feature 0"),
    (SHELTERS, collection(feature("A") | {"geometry": None}), "number 0"),
    (SHELTERS, collection(feature("A") | {"geometry": {"coordinates": [1390, 35]}}), "number 0"),
    (SHELTERS, collection(feature("A") | {"geometry": {"coordinates": "139,35"}}), "number 0"),
    (TOILETS, {}, "list of toilets"),
    (TOILETS, [{"name": "x"}], "record 0"),
    (TOILETS, [TOILET_RECORD | {"location": {"longitude": "139"}}], "number 0"),
    ("shelters/emergency-131016.geojson", {"a": 1}, "FeatureCollection"),
]


@pytest.mark.parametrize(("name", "document", "message"), ODD)
def test_odd_files_are_named(folder: Path, tmp_path: Path, name: str, document: Any, message: str) -> None:
    file = folder / name
    if document is None:
        file.unlink()
    else:
        write(file, document)
    with pytest.raises(BadRequestData, match=message) as caught:
        areas.real(tmp_path / "home", folder)
    assert caught.value.value == str(file)
    assert caught.value.field == "--data"


def test_no_json_at_all(folder: Path, tmp_path: Path) -> None:
    (folder / SHELTERS).write_bytes(b"\xff\xfe{")
    with pytest.raises(BadRequestData, match="not JSON") as caught:
        areas.real(tmp_path / "home", folder)
    assert caught.value.value == str(folder / SHELTERS)


def test_no_folder(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder)
    with pytest.raises(BadRequestData, match="no such folder"):
        areas.real(tmp_path / "home", folder)
