"""Simplified, concise, GeoJSON, language, projection and system attributes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ngsi_ld.representation import (
    feature,
    from_any,
    project,
    strip_sys_attrs,
    to_concise,
    to_geojson,
    to_language,
    to_simplified,
)

POINT = {"type": "Point", "coordinates": [139.75, 35.65]}
ENTITY: dict[str, Any] = {
    "id": "urn:ngsi-ld:Vehicle:A4567",
    "type": "Vehicle",
    "scope": "/Tokyo",
    "createdAt": "2024-01-01T00:00:00Z",
    "brandName": {"type": "Property", "value": "Mercedes"},
    "location": {"type": "GeoProperty", "value": POINT, "modifiedAt": "2024-01-01T00:00:00Z"},
    "street": {"type": "LanguageProperty", "languageMap": {"fr": "Grand Place", "nl": "Grote Markt"}},
    "category": {"type": "VocabProperty", "vocab": "non-commercial"},
    "ticket": {"type": "JsonProperty", "json": {"id": "85a6", "value": 1}},
    "depths": {"type": "ListProperty", "valueList": [300, 120], "unitCode": "MMT"},
    "passengers": {"type": "Relationship", "object": ["urn:p:Alice", "urn:p:Bob"], "objectType": "Person"},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:c:1"}, {"object": "urn:c:2"}]},
    "speed": [
        {"type": "Property", "value": 55, "observedAt": "2024-01-01T00:00:00Z"},
        {
            "type": "Property",
            "value": 11,
            "datasetId": "urn:d:gps",
            "by": {"type": "Relationship", "object": "urn:x:1"},
        },
    ],
    "isParked": {
        "type": "Relationship",
        "object": "urn:o:1",
        "entity": {"id": "urn:o:1", "type": "Parking", "name": {"type": "Property", "value": "Top"}},
    },
}


def test_simplified() -> None:
    assert to_simplified(ENTITY) == {
        "id": "urn:ngsi-ld:Vehicle:A4567",
        "type": "Vehicle",
        "scope": "/Tokyo",
        "createdAt": "2024-01-01T00:00:00Z",
        "brandName": "Mercedes",
        "location": POINT,
        "street": {"languageMap": {"fr": "Grand Place", "nl": "Grote Markt"}},
        "category": {"vocab": "non-commercial"},
        "ticket": {"json": {"id": "85a6", "value": 1}},
        "depths": [300, 120],
        "passengers": ["urn:p:Alice", "urn:p:Bob"],
        "route": ["urn:c:1", "urn:c:2"],
        "speed": {"dataset": {"@none": 55, "urn:d:gps": 11}},
        "isParked": {"id": "urn:o:1", "type": "Parking", "name": "Top"},
    }
    assert to_simplified(ENTITY, "nl")["street"] == "Grote Markt"


def test_concise() -> None:
    assert to_concise(ENTITY) == {
        "id": "urn:ngsi-ld:Vehicle:A4567",
        "type": "Vehicle",
        "scope": "/Tokyo",
        "createdAt": "2024-01-01T00:00:00Z",
        "brandName": "Mercedes",
        "location": {"value": POINT, "modifiedAt": "2024-01-01T00:00:00Z"},
        "street": {"languageMap": {"fr": "Grand Place", "nl": "Grote Markt"}},
        "category": {"vocab": "non-commercial"},
        "ticket": {"json": {"id": "85a6", "value": 1}},
        "depths": {"valueList": [300, 120], "unitCode": "MMT"},
        "passengers": {"object": ["urn:p:Alice", "urn:p:Bob"], "objectType": "Person"},
        "route": {"objectList": [{"object": "urn:c:1"}, {"object": "urn:c:2"}]},
        "speed": [
            {"value": 55, "observedAt": "2024-01-01T00:00:00Z"},
            {"value": 11, "datasetId": "urn:d:gps", "by": {"object": "urn:x:1"}},
        ],
        "isParked": {"object": "urn:o:1", "entity": {"id": "urn:o:1", "type": "Parking", "name": "Top"}},
    }
    assert to_concise({"location": {"type": "GeoProperty", "value": POINT}}) == {"location": POINT}


def test_normalized_from_simplified() -> None:
    assert from_any(
        {"id": "urn:x:1", "type": "T", "n": {"dataset": {"@none": 1, "urn:d:1": {"vocab": "a"}}}, "p": POINT}
    ) == {
        "id": "urn:x:1",
        "type": "T",
        "n": [{"type": "Property", "value": 1}, {"type": "VocabProperty", "vocab": "a", "datasetId": "urn:d:1"}],
        "p": {"type": "GeoProperty", "value": POINT},
    }
    assert from_any({"r": {"objectList": ["urn:c:1"]}}) == {
        "r": {"type": "ListRelationship", "objectList": [{"object": "urn:c:1"}]}
    }


def test_language() -> None:
    spoken = to_language(ENTITY, "nl;q=0.5,fr")
    assert spoken["street"] == {"type": "Property", "value": "Grand Place", "lang": "fr"}
    assert spoken["speed"] == ENTITY["speed"]
    assert to_language({"a": {"type": "LanguageProperty", "languageMap": {}}}, "ja")["a"]["languageMap"] == {}


def test_geojson() -> None:
    assert feature(ENTITY, form="simplified", lang="fr") == {
        "id": ENTITY["id"],
        "type": "Feature",
        "geometry": POINT,
        "properties": {name: value for name, value in to_simplified(ENTITY, "fr").items() if name != "id"},
    }
    assert feature(ENTITY)["properties"]["location"] == ENTITY["location"]
    assert feature(ENTITY, form="concise")["properties"]["brandName"] == "Mercedes"
    collection = to_geojson([ENTITY, {"id": "urn:x:2", "type": "T"}], "nowhere")
    assert [one["geometry"] for one in collection["features"]] == [None, None]
    with pytest.raises(ValueError, match="form"):
        feature(ENTITY, form="keyValues")


def test_geometry_is_the_default_instance() -> None:
    other = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}, "datasetId": "urn:d:1"}
    default = {"type": "GeoProperty", "value": POINT}
    assert feature({"id": "urn:x:1", "location": [other, default]})["geometry"] == POINT
    assert feature({"id": "urn:x:1", "location": [other]})["geometry"] is None
    assert feature({"id": "urn:x:1", "location": {"type": "GeoProperty", "value": "?"}})["geometry"] is None


def test_system_attributes_go_on_every_level() -> None:
    stamped: dict[str, Any] = {
        "id": "urn:x:1",
        "modifiedAt": "…",
        "expiresAt": "…",
        "a": [{"value": 1, "createdAt": "…", "b": {"value": {"createdAt": "stays"}, "modifiedAt": "…"}}],
        "r": {"object": "urn:y:1", "entity": {"id": "urn:y:1", "createdAt": "…", "n": {"value": 1, "deletedAt": "…"}}},
    }
    before = copy.deepcopy(stamped)
    assert strip_sys_attrs(stamped) == {
        "id": "urn:x:1",
        "a": [{"value": 1, "b": {"value": {"createdAt": "stays"}}}],
        "r": {"object": "urn:y:1", "entity": {"id": "urn:y:1", "n": {"value": 1}}},
    }
    assert stamped == before
    assert strip_sys_attrs(ENTITY)["brandName"] is ENTITY["brandName"]


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        ({"attrs": ["speed"]}, {"id", "type", "scope", "createdAt", "speed"}),
        ({"pick": ["id", "speed"]}, {"id", "speed"}),
        ({"pick": ["speed"], "attrs": ["location"]}, {"speed"}),
        ({"pick": ["id", "speed"], "omit": ["speed"]}, {"id"}),
        ({"omit": ["type", "nothing"]}, set(ENTITY) - {"type"}),
        ({"pick": ["nothing"]}, set()),
        ({}, set(ENTITY)),
    ],
)
def test_project(choice: dict[str, list[str]], left: set[str]) -> None:
    assert set(project(ENTITY, **choice)) == left


# --- properties ------------------------------------------------------------------------------------------------------

scalars = st.one_of(st.integers(-5, 5), st.booleans(), st.text(max_size=5), st.none())
keys = st.sampled_from(["value", "object", "type", "a", "coordinates", "dataset", "Point"])
json_values = st.recursive(
    scalars | st.just(POINT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)
uris = st.sampled_from(["urn:a:b", "urn:c:d"])
members = {"observedAt": st.just("2024-01-01T00:00:00Z"), "datasetId": uris}


def instances(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    extra: dict[str, Any] = dict(members)
    if depth:
        extra["sub"] = st.deferred(lambda: attributes(depth - 1))
    values = {
        "Property": ("value", json_values),
        "GeoProperty": ("value", st.just(POINT)),
        "LanguageProperty": ("languageMap", st.dictionaries(st.sampled_from(["ja", "en"]), st.text(max_size=3))),
        "JsonProperty": ("json", json_values),
        "VocabProperty": ("vocab", st.sampled_from(["a", "b"])),
        "ListProperty": ("valueList", st.lists(json_values, max_size=2)),
        "Relationship": ("object", uris | st.lists(uris, min_size=1)),
        "ListRelationship": ("objectList", st.lists(st.builds(lambda uri: {"object": uri}, uris), max_size=2)),
    }
    return st.one_of(
        st.fixed_dictionaries({"type": st.just(kind), holder: value}, optional=extra)
        for kind, (holder, value) in values.items()
    )


def attributes(depth: int) -> st.SearchStrategy[Any]:
    return instances(depth) | st.lists(instances(depth), min_size=1, max_size=2)


entities = st.fixed_dictionaries(
    {"id": uris, "type": st.just("T")}, optional={"p": attributes(1), "q": attributes(1), "scope": st.just("/a")}
)


@given(entities)
def test_concise_loses_nothing(entity: dict[str, Any]) -> None:
    before = copy.deepcopy(entity)
    concise = to_concise(entity)
    assert from_any(concise) == entity
    assert entity == before


@given(entities)
def test_normalized_stays_normalized(entity: dict[str, Any]) -> None:
    assert from_any(entity) == entity
    assert strip_sys_attrs(entity) == entity


hostile = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "value", "object", "languageMap", "entity", "entityList", "datasetId", "x", "createdAt"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["id", "type", "location", "a", "scope"]), hostile))
def test_nothing_that_a_source_sends_breaks_them(entity: dict[str, Any]) -> None:
    before = copy.deepcopy(entity)
    for shape in (to_simplified, to_concise, from_any, strip_sys_attrs, feature):
        shape(entity)
    to_language(entity, "ja")
    to_simplified(entity, "ja")
    assert entity == before


@pytest.mark.parametrize("through", ["sub", "entity"])
def test_deep_nesting_breaks_nothing(through: str) -> None:
    chain: Any = {"type": "Property", "value": 1}
    for _ in range(900):
        inner = {"id": "urn:x:1", "a": chain} if through == "entity" else chain
        chain = {"type": "Relationship", "object": "urn:x:1", through: inner}
    for shape in (to_simplified, to_concise, from_any, strip_sys_attrs):
        assert set(shape({"id": "urn:x:1", "a": chain})) == {"id", "a"}
    assert set(to_language({"a": chain}, "ja")) == {"a"}
