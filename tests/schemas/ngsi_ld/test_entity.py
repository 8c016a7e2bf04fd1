"""Entities from providers: what is taken, in which form it comes out, and how a fault is named."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.entity import Limits, parse_entity
from schemas.ngsi_ld.representation import to_concise

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
NGSI = "https://uri.etsi.org/ngsi-ld/"
POINT = {"type": "Point", "coordinates": [139.75, 35.65]}


def parsed(**members: Any) -> dict[str, Any]:
    """What becomes of the attributes of an entity."""
    entity = parse_entity({"id": "urn:ngsi-ld:T:1", "type": "T", **members}, context=CORE)
    return {name.removeprefix(DEFAULT): member for name, member in entity.items() if name not in ("id", "type")}


def refused(entity: Any, **limits: int) -> BadRequestData:
    with pytest.raises(BadRequestData) as caught:
        parse_entity(entity, context=CORE, limits=Limits(**limits))
    return caught.value


def test_normalized_with_iris() -> None:
    given_entity = {
        "id": "urn:ngsi-ld:Vehicle:1",
        "type": ["Vehicle", DEFAULT + "Vehicle", "Bus"],
        "@context": ["https://example.org/c.jsonld"],
        "scope": "/Tokyo/Minato",
        "createdAt": "nonsense that is ignored",
        "expiresAt": "2030-01-01T00:00:00Z",
        "speed": {
            "type": "Property",
            "value": 55,
            "observedAt": "2024-01-01T00:00:00.5Z",
            "unitCode": "KMH",
            "valueType": "Integer",
            "instanceId": "urn:i:1",
            "previousValue": 5,
            "accuracy": {"type": "Property", "value": 0.5},
        },
        "isParked": {"type": "Relationship", "object": "urn:ngsi-ld:Parking:1", "objectType": ["Parking"]},
        "gender": {"type": "VocabProperty", "vocab": ["Male", "http://example.org/Tall"]},
        "location": {"type": "GeoProperty", "value": POINT},
    }
    before = copy.deepcopy(given_entity)
    assert parse_entity(given_entity, context=CORE) == {
        "id": "urn:ngsi-ld:Vehicle:1",
        "type": [DEFAULT + "Vehicle", DEFAULT + "Bus"],
        "scope": "/Tokyo/Minato",
        "expiresAt": "2030-01-01T00:00:00Z",
        DEFAULT + "speed": {
            "type": "Property",
            "value": 55,
            "observedAt": "2024-01-01T00:00:00.5Z",
            "unitCode": "KMH",
            "valueType": DEFAULT + "Integer",
            DEFAULT + "accuracy": {"type": "Property", "value": 0.5},
        },
        DEFAULT + "isParked": {
            "type": "Relationship",
            "object": "urn:ngsi-ld:Parking:1",
            "objectType": [DEFAULT + "Parking"],
        },
        DEFAULT + "gender": {"type": "VocabProperty", "vocab": [DEFAULT + "Male", "http://example.org/Tall"]},
        NGSI + "location": {"type": "GeoProperty", "value": POINT},
    }
    assert given_entity == before


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (55, {"type": "Property", "value": 55}),
        ("x", {"type": "Property", "value": "x"}),
        (False, {"type": "Property", "value": False}),
        ([1, "a"], {"type": "Property", "value": [1, "a"]}),
        ([], {"type": "Property", "value": []}),
        ({"city": "Berlin"}, {"type": "Property", "value": {"city": "Berlin"}}),
        ({"value": 1}, {"type": "Property", "value": 1}),
        (POINT, {"type": "GeoProperty", "value": POINT}),
        ({"value": POINT}, {"type": "GeoProperty", "value": POINT}),
        ({"type": "Property", "value": POINT}, {"type": "Property", "value": POINT}),
        ({"type": "GeoProperty", "value": json.dumps(POINT)}, {"type": "GeoProperty", "value": POINT}),
        ({"object": ["urn:a:b"]}, {"type": "Relationship", "object": ["urn:a:b"]}),
        (
            {"languageMap": {"ja": "駅", "@none": ["a"]}},
            {"type": "LanguageProperty", "languageMap": {"ja": "駅", "@none": ["a"]}},
        ),
        ({"json": {"a": None}}, {"type": "JsonProperty", "json": {"a": None}}),
        ({"valueList": [1, [2]]}, {"type": "ListProperty", "valueList": [1, [2]]}),
        (
            {"objectList": ["urn:a:b", {"object": "urn:c:d"}]},
            {"type": "ListRelationship", "objectList": [{"object": "urn:a:b"}, {"object": "urn:c:d"}]},
        ),
        (
            {"value": {"@type": "@json", "@value": None}},
            {"type": "Property", "value": {"@type": "@json", "@value": None}},
        ),
        (
            [{"value": 1, "datasetId": "@none"}, {"value": 2, "datasetId": "urn:d:1"}],
            [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}],
        ),
        (
            {"value": 1, "sub": {"object": "urn:a:b"}},
            {"type": "Property", "value": 1, DEFAULT + "sub": {"type": "Relationship", "object": "urn:a:b"}},
        ),
    ],
)
def test_every_form_becomes_normalized(member: Any, expected: Any) -> None:
    assert parsed(a=member) == {"a": expected}


@pytest.mark.parametrize(
    ("members", "field", "clause"),
    [
        ({"my attr": 1}, "my attr", "4.6.2"),
        ({"9a": 1}, "9a", "4.6.2"),
        ({"": 1}, "", "4.6.2"),
        ({"@graph": 1}, "@graph", "4.6.2"),
        ({"observedAt": "2024-01-01T00:00:00Z"}, "observedAt", "4.5.1"),
        ({"value": 1}, "value", "4.5.1"),
        ({NGSI + "hasValue": 1}, NGSI + "hasValue", "4.5.1"),
        ({"a": 1, DEFAULT + "a": 2}, DEFAULT + "a", "5.5.7"),
        ({"a": None}, "a", "4.5.0"),
        ({"a": {"value": None}}, "a.value", "4.5.0"),
        ({"a": {"value": {"b": [None]}}}, "a.value", "4.5.0"),
        ({"a": "urn:ngsi-ld:null"}, "a", "5.5.4"),
        ({"a": {"value": {"b": "urn:ngsi-ld:null"}}}, "a.value", "5.5.4"),
        ({"a": {"object": "urn:ngsi-ld:null"}}, "a.object", "5.5.4"),
        ({"a": {"languageMap": {"@none": "urn:ngsi-ld:null"}}}, "a.languageMap", "5.5.4"),
        ({"a": {"valueList": ["urn:ngsi-ld:null"]}}, "a.valueList", "5.5.4"),
        ({"a": {"type": "Prop", "value": 1}}, "a.type", "4.5.2.3"),
        ({"a": {"type": 1, "value": 1}}, "a.type", "4.5.2.3"),
        ({"a": {"type": "Property"}}, "a.value", "4.5.2"),
        ({"a": {"type": "Property", "value": 1, "object": "urn:a:b"}}, "a.object", "4.5.2"),
        ({"a": {"type": "Property", "value": 1, "entity": {}}}, "a.entity", "4.5.2"),
        ({"a": {"type": "Relationship", "object": "urn:a:b", "unitCode": "MTR"}}, "a.unitCode", "4.5.3"),
        ({"a": {"type": "Relationship", "object": "urn:a:b", "value": 1}}, "a.value", "4.5.3"),
        ({"a": {"json": {}, "unitCode": "MTR"}}, "a.unitCode", "4.5.24"),
        ({"a": {"value": 1, "@context": {}}}, "a.@context", "4.5.2"),
        ({"a": {"value": 1, "entityIdSealed": "urn:a:b"}}, "a.entityIdSealed", "4.5.2"),
        ({"temperature": {"value": 1, "observedAt": "2024-01-01T00:00:00+09:00"}}, "temperature.observedAt", "4.6.3"),
        ({"a": {"value": 1, "observedAt": {"value": "2024-01-01T00:00:00Z"}}}, "a.observedAt", "4.6.3"),
        ({"a": {"value": 1, "unitCode": 5}}, "a.unitCode", "5.2.5"),
        ({"a": {"value": 1, "datasetId": "x"}}, "a.datasetId", "4.5.5"),
        ({"a": [{"value": 1}, {"value": 2, "datasetId": "@none"}]}, "a[1].datasetId", "4.5.5"),
        (
            {"a": [{"value": 1, "datasetId": "urn:d:1"}, {"value": 2, "datasetId": "urn:d:1"}]},
            "a[1].datasetId",
            "4.5.5",
        ),
        ({"a": [{"value": 1}, 5]}, "a[1]", "4.5.5"),
        ({"a": {"value": 1, "b": {"value": 1, "c d": 1}}}, "a.b.c d", "4.6.2"),
        ({"location": "here"}, "location", "4.7.1"),
        ({NGSI + "location": {"object": "urn:a:b"}}, NGSI + "location", "4.7.1"),
        ({"location": {"type": "Point", "coordinates": [181, 0]}}, "location.coordinates", "4.7.1"),
        ({"a": {"value": {"type": "Point", "coordinates": [0]}}}, "a.value.coordinates", "4.7.1"),
        ({"a": {"type": "GeoProperty", "value": {"type": "GeometryCollection", "geometries": []}}}, "a.value", "4.7.1"),
        ({"a": {"type": "GeoProperty", "value": "POINT(1 2)"}}, "a.value", "4.7.2"),
        (
            {"a": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2], "x": None}}},
            "a.value",
            "4.5.0",
        ),
        ({"a": {"object": "not a uri"}}, "a.object", "4.5.3"),
        ({"a": {"object": []}}, "a.object", "4.5.3"),
        ({"a": {"object": ["urn:a:b", 5]}}, "a.object[1]", "4.5.3"),
        ({"a": {"languageMap": {}}}, "a.languageMap", "4.6.5"),
        ({"a": {"languageMap": {"not a tag": "x"}}}, "a.languageMap.not a tag", "4.6.5"),
        ({"a": {"languageMap": {"en": 5}}}, "a.languageMap.en", "4.6.5"),
        ({"a": {"json": 5}}, "a.json", "4.5.24"),
        ({"a": {"vocab": 5}}, "a.vocab", "4.5.20"),
        ({"a": {"vocab": []}}, "a.vocab", "4.5.20"),
        ({"a": {"valueList": 5}}, "a.valueList", "4.5.21"),
        ({"a": {"objectList": [{"object": "urn:a:b", "x": 1}]}}, "a.objectList[0]", "4.5.3"),
        ({"ngsildproof": "not an object"}, "ngsildproof", "4.5.2.2"),
        ({"a": "x\x00y"}, "a", "4.6.4"),
        ({"a": {"x\x00": 1}}, "a", "4.6.4"),
        ({"a": "\ud800"}, "a", "4.6.1"),
        ({"a": 2**64}, "a", "4.6.3"),
        ({"a": float("nan")}, "a", "4.6.3"),
        ({"scope": "no-hyphens"}, "scope", "4.18"),
        ({"scope": []}, "scope", "4.18"),
        ({"expiresAt": "tomorrow"}, "expiresAt", "4.6.3"),
        ({"type": "9T"}, "type", "4.6.2"),
        ({"type": []}, "type", "4.5.1"),
        ({"type": None}, "type", "4.6.2"),
        ({"id": "no uri"}, "id", "4.5.1"),
        ({"id": "urn:ngsi-ld:null"}, "id", "4.5.1"),
        ({"id": None}, "id", "4.5.1"),
    ],
)
def test_faults_are_named(members: dict[str, Any], field: str, clause: str) -> None:
    error = refused({"id": "urn:ngsi-ld:T:1", "type": "T", **members})
    assert (error.field, error.clause) == (field, clause)


@pytest.mark.parametrize("whole", [None, 1, "x", [], {}])
def test_what_is_no_entity(whole: Any) -> None:
    assert refused(whole).field in ("entity", "id")


def test_proof_may_be_sealed() -> None:
    proof = {
        "type": "Property",
        "entityIdSealed": "urn:x:1",
        "entityTypeSealed": "T",
        "value": {"type": "DataIntegrityProof"},
    }
    assert parsed(ngsildproof=proof)["ngsildproof"]["entityTypeSealed"] == DEFAULT + "T"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def chain(levels: int) -> Any:
    member: Any = {"value": 1}
    for _ in range(levels):
        member = {"value": 1, "sub": member}
    return member


@pytest.mark.parametrize(
    ("members", "limits"),
    [
        ({f"a{n}": 1 for n in range(11)}, {"attributes": 10}),
        ({"a": [{"value": 1, "datasetId": f"urn:d:{n}"} for n in range(11)]}, {"attributes": 10}),
        ({"a": chain(17)}, {}),
        ({"a": nested(65)}, {}),
        ({"a": "x" * 11}, {"string": 10}),
        ({"a": {"k" * 11: 1}}, {"string": 10}),
        ({"a": [1] * 11}, {"nodes": 10}),
    ],
)
def test_limits(members: dict[str, Any], limits: dict[str, int]) -> None:
    refused({"id": "urn:ngsi-ld:T:1", "type": "T", **members}, **limits)


def test_within_limits() -> None:
    assert len(parsed(a=chain(16), b=nested(64), **{f"c{n}": 1 for n in range(3000)})) == 3002


def test_absurd_depth_does_not_exhaust_the_stack() -> None:
    refused({"id": "urn:x:1", "type": "T", "a": nested(20_000)})
    refused({"id": "urn:x:1", "type": "T", "a": chain(20_000)})
    refused({"id": "urn:x:1", "type": "T", "a": {"languageMap": nested(20_000)}})
    refused({"id": "urn:x:1", "type": "T", "location": {"type": "Polygon", "coordinates": nested(20_000)}})


# --- properties ------------------------------------------------------------------------------------------------------

words = st.sampled_from(
    ["Property", "GeoProperty", "LanguageProperty", "Relationship", "ListRelationship", "JsonProperty", "VocabProperty",
     "Point", "Polygon", "urn:a:b", "2024-01-01T00:00:00Z", "@none", "urn:ngsi-ld:null", "T", "\x00", "\ud800"]
)  # fmt: skip
keys = st.sampled_from(
    ["id", "type", "value", "object", "languageMap", "json", "vocab", "valueList", "objectList", "observedAt",
     "datasetId", "unitCode", "objectType", "scope", "@context", "@type", "location", "coordinates", "entity", "a", "b"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(max_size=5), inner, max_size=5),
    max_leaves=25,
)


def taken_or_refused(document: Any) -> tuple[dict[str, Any] | None, BadRequestData | None]:
    """Any other exception comes through."""
    try:
        return parse_entity(document, context=CORE), None
    except BadRequestData as error:
        return None, error


@settings(max_examples=400)
@given(st.dictionaries(keys | st.text(max_size=5), documents, max_size=5), st.booleans())
def test_any_json_is_taken_or_refused(document: dict[str, Any], dressed: bool) -> None:
    if dressed:
        document = {**document, "id": "urn:x:1", "type": "T"}
    before = repr(document)
    entity, fault = taken_or_refused(document)
    assert repr(document) == before
    if entity is not None:
        # What is taken can be written, and is taken again as it is.
        assert taken_or_refused(orjson.loads(orjson.dumps(entity))) == (entity, None)
    else:
        assert fault is not None
        assert fault.clause
        f"{fault.detail}{fault.field}{fault.value}".encode()


@given(documents, documents)
def test_concise_means_the_same(one: Any, two: Any) -> None:
    entity, _ = taken_or_refused({"id": "urn:x:1", "type": "T", "a": one, "b": two})
    if entity is not None:
        assert taken_or_refused(to_concise(entity)) == (entity, None)
