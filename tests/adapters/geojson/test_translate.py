from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.geojson.mapping import parse_mapping
from adapters.geojson.reading.reading import ReadingOptions, read
from adapters.geojson.translate import Translated, missing_columns, translate
from adapters.testing.shape import faults
from schemas.errors import BadRequestData, BadUpstream


def translated(data: str | bytes | Any, **options: Any) -> Translated:
    raw = data.encode() if isinstance(data, str) else data if isinstance(data, bytes) else orjson.dumps(data)
    rules = parse_mapping(options)
    table, _ = read(raw, ReadingOptions(), {column for _, column in rules.named_columns()})
    return translate(table, rules)


MAPPING = {
    "type": "EvacuationShelter",
    "id": "urn:ngsi-ld:EvacuationShelter:{区}:{番号}",
    "attributes": {
        "name": {"from": "施設・場所名"},
        "address": "住所",
        "capacity": {"from": "収容人数", "type": "number", "unitCode": "IE", "observedAt": "更新"},
        "opened": {"from": "更新", "type": "date"},
        "accessible": {"from": "車椅子", "type": "boolean"},
        "managedBy": {"from": "管理", "type": "relationship", "target": "Organization"},
    },
    "location": {"latitude": "緯度", "longitude": "経度"},
}
HEADER = "区,番号,施設・場所名,住所,収容人数,更新,車椅子,管理,緯度,経度\n"


def test_the_mapping_is_followed() -> None:
    found = translated(HEADER + '港,１,芝公園,,"１，２３４",2026/4/1,○,ward 1,35.65,139.75\n', mapping=MAPPING)
    assert found.entities == [
        {
            "id": "urn:ngsi-ld:EvacuationShelter:%E6%B8%AF:%EF%BC%91",
            "type": "EvacuationShelter",
            "name": {"type": "Property", "value": "芝公園"},
            "capacity": {
                "type": "Property",
                "value": 1234,
                "unitCode": "IE",
                "observedAt": "2026-03-31T15:00:00Z",
            },
            "opened": {"type": "Property", "value": {"@type": "Date", "@value": "2026-04-01"}},
            "accessible": {"type": "Property", "value": True},
            "managedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Organization:ward%201"},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.75, 35.65]}},
        }
    ]
    assert found.box == (139.75, 35.65, 139.75, 35.65)


def test_bad_places_are_left_out_and_counted() -> None:
    rows = ["a,1,n,,,,,,139.75,35.65", "a,2,n,,,,,,99,200", "a,3,n,,,,,,x,139", "a,4,n,,,,,,,", "a,5,n,,,,,,35.6,139.7"]
    found = translated(HEADER + "\n".join(rows), mapping=MAPPING)
    assert [e["id"][-1] for e in found.entities] == ["4", "5"]
    assert found.skipped == {
        "latitude and longitude look swapped": 1,
        "coordinates are out of range": 1,
        "latitude or longitude is no number": 1,
    }
    assert found.odd == {"no place is given": 1}


def test_values_that_do_not_fit_leave_the_attribute_out() -> None:
    found = translated(HEADER + "a,1,n,,many,soon,perhaps,,35,139\n", mapping=MAPPING)
    assert set(found.entities[0]) == {"id", "type", "name", "location"}
    assert len(found.odd) == 3
    assert any("capacity" in sentence for sentence in found.findings())


def test_of_equal_ids_the_last_wins() -> None:
    rows = "a,1,first,,,,,,35,139\na,2,other,,,,,,35,139\na,1,last,,,,,,35.5,139.5\n"
    found = translated(HEADER + rows, mapping=MAPPING)
    assert [e["name"]["value"] for e in found.entities] == ["last", "other"]
    assert found.box == (139.0, 35.0, 139.5, 35.5)
    assert found.skipped["a later record has the same id"] == 1


def test_records_without_an_id_are_left_out() -> None:
    found = translated(HEADER + "a,,n,,,,,,35,139\n", mapping=MAPPING)
    assert found.entities == []
    assert found.skipped == {"the column of the id is empty": 1}


def test_a_missing_attribute_column_is_told_and_tolerated() -> None:
    mapping = {**MAPPING, "attributes": {"name": "名称", "address": "住所"}}
    rules = parse_mapping({"mapping": mapping})
    table, _ = read((HEADER + "a,1,n,addr,,,,,35,139\n").encode(), ReadingOptions(), set())
    assert missing_columns(rules, table) == [("options.mapping.attributes.name", "名称")]
    assert set(translate(table, rules).entities[0]) == {"id", "type", "address", "location"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "共通ID"}, "options.mapping.id"),
        ({"type": "{種別}"}, "options.mapping.type"),
        ({"location": {"latitude": "lat", "longitude": "経度"}}, "options.mapping.location.latitude"),
    ],
)
def test_a_missing_column_of_id_type_or_place_is_an_error(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadUpstream) as raised:
        translated(HEADER + "a,1,n,,,,,,35,139\n", mapping={**MAPPING, **change})
    assert raised.value.field == field
    assert "施設・場所名" in raised.value.detail


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "options.type"),
        ({"type": "no name"}, "options.type"),
        ({"mapping": {"type": "1st"}}, "options.mapping.type"),
        ({"mapping": {"type": "A{"}}, "options.mapping.type"),
        ({"type": "A", "mapping": {"id": "x{y"}}, "options.mapping.id"),
        ({"type": "A", "mapping": {"attributes": {"a b": "c"}}}, "options.mapping.attributes.a b"),
        ({"type": "A", "mapping": {"attributes": {"id": "c"}}}, "options.mapping.attributes.id"),
        ({"type": "A", "mapping": {"attributes": {"location": "c"}}}, "options.mapping.attributes.location"),
        (
            {"type": "A", "mapping": {"attributes": {"r": {"from": "c", "target": "x y"}}}},
            "options.mapping.attributes.r.target",
        ),
        ({"type": "A", "mapping": {"location": {"latitude": "a"}}}, "options.mapping.location"),
        ({"type": "A", "mapping": {"location": {"latitude": "a", "geometry": "b"}}}, "options.mapping.location"),
        ({"type": "A", "mapping": {"timezone": "Asia/Atlantis"}}, "options.mapping.timezone"),
        ({"type": "A", "mapping": {"timezone": "../etc/passwd"}}, "options.mapping.timezone"),
    ],
)
def test_a_wrong_mapping_names_the_option(options: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        parse_mapping(options)
    assert raised.value.field == field


def test_without_a_mapping_customary_columns_are_found() -> None:
    found = translated("NO,共通ID,施設・場所名,北緯,東経\n1,E1,a,35,139\n1,E2,b,36,140\n", type="Shelter")
    assert [e["id"] for e in found.entities] == ["urn:ngsi-ld:Shelter:E1", "urn:ngsi-ld:Shelter:E2"]
    assert found.entities[0]["施設_x30FB_場所名"] == {"type": "Property", "value": "a"}
    assert found.entities[1]["location"]["value"]["coordinates"] == [140, 36]
    assert "北緯" not in found.entities[0]


def test_an_id_column_that_repeats_itself_is_passed_over() -> None:
    found = translated("id,NO,緯度,経度\n1,5,35,139\n1,6,36,140\n", type="T")
    assert [e["id"] for e in found.entities] == ["urn:ngsi-ld:T:5", "urn:ngsi-ld:T:6"]


def test_without_an_id_column_the_content_makes_a_stable_id() -> None:
    text = "名称,緯度,経度\na,35,139\nb,36,140\n"
    first, second = translated(text, type="T"), translated(text + "c,37,141\n", type="T")
    ids = [e["id"] for e in first.entities]
    assert len(set(ids)) == 2
    assert [e["id"] for e in second.entities][:2] == ids


def test_nested_json_with_a_nested_place() -> None:
    rows = [
        {
            "id": "13000-1",
            "facility_name": "しごとセンター",
            "location": {"longitude": 139.7, "latitude": 35.7, "coordinate_system": "JGD2011"},
            "features": {"has_handrails": True},
            "building_name": None,
            "notes": "",
            "floors": 0,
        }
    ]
    found = translated(rows, type="AccessibleToilet")
    assert found.entities == [
        {
            "id": "urn:ngsi-ld:AccessibleToilet:13000-1",
            "type": "AccessibleToilet",
            "facility_name": {"type": "Property", "value": "しごとセンター"},
            "features": {"type": "Property", "value": {"has_handrails": True}},
            "floors": {"type": "Property", "value": 0},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.7, 35.7]}},
        }
    ]
    mapping = {
        "attributes": {"handrails": "features.has_handrails"},
        "location": {"latitude": "location.latitude", "longitude": "location.longitude"},
    }
    mapped = translated(rows, type="AccessibleToilet", mapping=mapping)
    assert mapped.entities[0]["handrails"] == {"type": "Property", "value": True}


def test_types_from_a_column() -> None:
    rows = [{"kind": "A", "id": "1"}, {"kind": "二 種", "id": "2"}, {"kind": "", "id": "3"}]
    found = translated(rows, mapping={"type": "{kind}"})
    assert [e["type"] for e in found.entities] == ["A", "二_x20_種"]
    assert found.skipped == {"the column of the type is empty": 1}


@pytest.mark.parametrize(
    ("geometry", "kept"),
    [
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, True),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, False),
        ({"type": "GeometryCollection", "geometries": []}, False),
        ({"type": "Point", "coordinates": [35.6, 139.7]}, False),
        ({"type": "Point", "coordinates": ["139", "35"]}, False),
        ({"type": ["Point"], "coordinates": [1, 1]}, False),
        ({"type": "Point", "coordinates": [139.7, 35.6, 12.5], "bbox": [1]}, True),
        ([139, 35], False),
        (None, True),
    ],
)
def test_geometries_are_sound_or_left_out(geometry: Any, kept: bool) -> None:
    feature = {"type": "Feature", "id": "1", "geometry": geometry, "properties": {"a": 1}}
    found = translated(feature, type="T")
    assert bool(found.entities) is kept
    for entity in found.entities:
        assert list(faults(entity)) == []


SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUE = st.recursive(
    SCALAR, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3), max_leaves=6
)
ROW = st.dictionaries(st.sampled_from(["id", "共通ID", "type", "緯度", "経度", "a b", "@context", "geometry"]), VALUE)


@given(st.lists(ROW, min_size=1, max_size=5))
def test_whatever_the_records_hold_entities_are_sound(rows: list[dict[str, Any]]) -> None:
    try:
        data = orjson.dumps(rows)
    except TypeError:
        return
    found = translated(data, type="T")
    assert [fault for entity in found.entities for fault in faults(entity)] == []
    assert len({e["id"] for e in found.entities}) == len(found.entities)
    assert len(found.entities) + sum(found.skipped.values()) == len(rows)
