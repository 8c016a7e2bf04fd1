"""Every form in which entities leave, and projection and system attributes over it."""

from __future__ import annotations

from typing import Any

import pytest
from gateway import ENTITIES, Space
from sources import Entity, Host, NgsiLdSource

POINT = {"type": "Point", "coordinates": [139.75, 35.65]}
AREA = {"type": "Polygon", "coordinates": [[[139, 35], [140, 35], [140, 36], [139, 35]]]}
ENTITY: Entity = {
    "id": "urn:ngsi-ld:Shelter:1",
    "type": "Shelter",
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "避難所", "en": "shelter"}},
    "capacity": {"type": "Property", "value": 7, "unitCode": "C62"},
    "managedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Ward:1"},
    "open": {"type": "Property", "value": True},
    "location": {"type": "GeoProperty", "value": POINT},
    "area": {"type": "GeoProperty", "value": AREA},
}
SYSTEM = {"createdAt": "2026-01-01T00:00:00.000Z", "modifiedAt": "2026-01-02T00:00:00.000Z"}


@pytest.fixture(params=[1, 2], ids=["one-source", "two-sources"])
def held(request: pytest.FixtureRequest, space: Space, host: Host) -> Space:
    entity = {k: v | SYSTEM if isinstance(v, dict) else v for k, v in ENTITY.items()} | SYSTEM
    for _ in range(request.param):
        space.add(host.serve(NgsiLdSource([entity])).url)
    return space


def one(held: Space, **params: Any) -> Any:
    answer = held.get(type="Shelter", **params)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()
    assert held.get(f"{ENTITIES}/{ENTITY['id']}", **params).json() == found
    return found


def test_normalized(held: Space) -> None:
    assert one(held) == ENTITY
    assert one(held, options="normalized") == ENTITY
    assert held.get(type="Shelter").headers["content-type"] == "application/json"
    assert "ngsi-ld-core-context" in held.get(type="Shelter").headers["link"]


@pytest.mark.parametrize("how", [{"options": "concise"}, {"format": "concise"}])
def test_concise(held: Space, how: dict[str, str]) -> None:
    found = one(held, **how)
    assert found["capacity"] == {"value": 7, "unitCode": "C62"}
    assert found["open"] is True
    assert found["managedBy"] == {"object": "urn:ngsi-ld:Ward:1"}
    assert found["location"] == POINT


@pytest.mark.parametrize("how", [{"options": "keyValues"}, {"options": "simplified"}, {"format": "simplified"}])
def test_simplified(held: Space, how: dict[str, str]) -> None:
    assert one(held, **how) == {
        "id": ENTITY["id"],
        "type": "Shelter",
        "name": {"languageMap": {"ja": "避難所", "en": "shelter"}},
        "capacity": 7,
        "managedBy": "urn:ngsi-ld:Ward:1",
        "open": True,
        "location": POINT,
        "area": AREA,
    }


def test_language(held: Space) -> None:
    assert one(held, lang="ja", options="keyValues")["name"] == "避難所"
    assert one(held, lang="en")["name"]["value"] == "shelter"


def test_system_attributes(held: Space) -> None:
    assert one(held, options="sysAttrs")["createdAt"] == SYSTEM["createdAt"]
    assert one(held, options="sysAttrs")["capacity"]["modifiedAt"] == SYSTEM["modifiedAt"]


def test_geojson(held: Space) -> None:
    geo = {"accept": "application/geo+json"}
    answer = held.get(type="Shelter", headers=geo)
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    (feature,) = collection["features"]
    assert feature["id"] == ENTITY["id"]
    assert feature["geometry"] == POINT
    assert feature["properties"]["type"] == "Shelter"
    assert feature["properties"]["capacity"] == ENTITY["capacity"]
    other = held.get(type="Shelter", headers=geo, geometryProperty="area", options="keyValues").json()["features"][0]
    assert other["geometry"] == AREA
    assert other["properties"]["capacity"] == 7
    single = held.get(f"{ENTITIES}/{ENTITY['id']}", headers=geo).json()
    assert (single["type"], single["geometry"]) == ("Feature", POINT)


def test_jsonld(held: Space) -> None:
    answer = held.get(type="Shelter", headers={"accept": "application/ld+json"})
    assert answer.headers["content-type"] == "application/ld+json"
    assert "json-ld#context" not in answer.headers.get("link", "")
    (found,) = answer.json()
    assert "ngsi-ld-core-context" in str(found.pop("@context"))
    assert found == ENTITY


def test_attrs_pick_and_omit(held: Space) -> None:
    assert sorted(one(held, attrs="capacity,open")) == ["capacity", "id", "open", "type"]
    assert sorted(one(held, pick="id,type,capacity")) == ["capacity", "id", "type"]
    assert sorted(one(held, pick="capacity")) == ["capacity"]
    assert sorted(one(held, omit="capacity,area,name")) == ["id", "location", "managedBy", "open", "type"]
    assert sorted(one(held, omit="type", options="keyValues")) == [
        *("area", "capacity", "id", "location", "managedBy", "name", "open")
    ]
    assert held.ids(type="Shelter", attrs="nothing") == []


def test_projection_with_filters_on_what_is_projected_away(held: Space) -> None:
    assert sorted(one(held, attrs="open")) == ["id", "open", "type"]
    found = held.get(type="Shelter", attrs="open", q="capacity==7").json()
    assert [sorted(e) for e in found] == [["id", "open", "type"]]
    assert held.ids(type="Shelter", attrs="open", q="capacity==8") == []
    near = {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": "[139.75,35.65]"}
    assert [sorted(e) for e in held.get(type="Shelter", attrs="open", **near).json()] == [["id", "open", "type"]]


def test_geojson_with_a_projection_keeps_its_geometry(held: Space) -> None:
    answer = held.get(type="Shelter", attrs="capacity", headers={"accept": "application/geo+json"})
    (feature,) = answer.json()["features"]
    assert feature["geometry"] == POINT
    assert "open" not in feature["properties"]


@pytest.mark.parametrize(
    ("params", "depth"),
    [
        ({"pick": "id,depth.source"}, {"type": "Property", "value": 3, "source": {"type": "Property", "value": "a"}}),
        ({"attrs": "depth.quality"}, {"type": "Property", "value": 3, "quality": {"type": "Property", "value": 9}}),
        (
            {"pick": "depth", "omit": "depth.source"},
            {"type": "Property", "value": 3, "quality": {"type": "Property", "value": 9}},
        ),
        ({"pick": "depth.source", "format": "simplified"}, 3),
    ],
)
def test_sub_attributes(space: Space, host: Host, params: dict[str, str], depth: Any) -> None:
    entity = {
        "id": "urn:ngsi-ld:Sensor:1",
        "type": "Sensor",
        "depth": {
            "type": "Property",
            "value": 3,
            "source": {"type": "Property", "value": "a"},
            "quality": {"type": "Property", "value": 9},
        },
        "other": {"type": "Property", "value": 1},
    }
    space.add(host.serve(NgsiLdSource([entity, entity | {"id": "urn:ngsi-ld:Sensor:2", "depth": None}])).url)
    found = space.get(type="Sensor", **params).json()
    assert [one["depth"] for one in found if one.get("depth")] == [depth]
    assert not any("other" in one for one in found)


def test_an_attribute_whose_own_name_has_a_dot(space: Space, host: Host) -> None:
    entity = {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "PM2.5": {"type": "Property", "value": 12}}
    space.add(host.serve(NgsiLdSource([entity | {"other": {"type": "Property", "value": 1}}])).url)
    assert space.get(type="Sensor", pick="id,type,PM2.5").json() == [entity]
    iri = "https://uri.etsi.org/ngsi-ld/default-context/other"
    assert space.get(type="Sensor", pick=iri).json() == [{"other": {"type": "Property", "value": 1}}]


@pytest.mark.parametrize(("version", "status", "kind"), [("1.3", 203, "Property"), ("1.9", 200, "LanguageProperty")])
def test_versions_of_the_specification(held: Space, version: str, status: int, kind: str) -> None:
    headers = {"ngsild-tenant": held.tenant, "prefer": f"ngsi-ld={version}"}
    for path in (f"{ENTITIES}?type=Shelter", f"{ENTITIES}/{ENTITY['id']}"):
        answer = held.client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["preference-applied"]) == (status, f"ngsi-ld={version}")
        found = answer.json()
        assert (found[0] if isinstance(found, list) else found)["name"]["type"] == kind
    spoken = held.client.get(f"{ENTITIES}?type=Shelter&pick=name&lang=en", headers=headers)
    assert spoken.json() == [{"name": {"type": "Property", "value": "shelter", "lang": "en"}}]
