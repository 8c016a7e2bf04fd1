"""The walk that changes an entity's names, against PyLD and on real payloads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonld_oracle import NGSI, expand, shared_data

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE, VOCAB, build, core
from schemas.ngsi_ld.rename import Renaming, compact_entity, expand_entity, renaming, translate

EX = "https://example.org/"
USER: dict[str, Any] = {
    "ex": EX,
    "Shelter": "ex:Shelter",
    "capacity": {"@id": "ex:capacity", "@type": "http://www.w3.org/2001/XMLSchema#integer"},
    "managedBy": {"@id": "ex:managedBy", "@type": "@id"},
    "barrierFree": "ex:barrierFree",
    "Flood": "ex:Flood",
}
JAPANESE: dict[str, Any] = {"避難所": EX + "Shelter", "収容人数": EX + "capacity", "洪水": EX + "Flood"}
ONE, TWO = build(USER, {}), build(JAPANESE, {})

SHELTER: dict[str, Any] = {
    "@context": ["https://example.org/c.jsonld"],
    "id": "urn:ngsi-ld:Shelter:1",
    "type": ["Shelter", "ex:Building"],
    "scope": "/Tokyo/Minato",
    "capacity": [
        {"type": "Property", "value": 30, "unitCode": "IE", "observedAt": "2026-04-01T00:00:00Z"},
        {"type": "Property", "value": 40, "datasetId": "urn:x:2", "capacity": {"type": "Property", "value": 1}},
    ],
    "hazards": {"type": "VocabProperty", "vocab": ["Flood", "Fire"]},
    "managedBy": {"type": "Relationship", "object": "urn:ngsi-ld:O:1", "objectType": "ex:Organisation"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.7, 35.6]}},
    "address": {"type": "Property", "value": {"capacity": "no name", "type": "PostalAddress", "vocab": "Flood"}},
    "extra": {"type": "JsonProperty", "json": {"Shelter": 1}},
    "createdAt": "2026-04-01T00:00:00Z",
}


def test_stored_form_has_iris_for_names_and_leaves_values() -> None:
    assert expand_entity(SHELTER, ONE) == {
        "id": "urn:ngsi-ld:Shelter:1",
        "type": [EX + "Shelter", EX + "Building"],
        "scope": "/Tokyo/Minato",
        EX + "capacity": [
            {"type": "Property", "value": 30, "unitCode": "IE", "observedAt": "2026-04-01T00:00:00Z"},
            {
                "type": "Property",
                "value": 40,
                "datasetId": "urn:x:2",
                EX + "capacity": {"type": "Property", "value": 1},
            },
        ],
        VOCAB + "hazards": {"type": "VocabProperty", "vocab": [EX + "Flood", VOCAB + "Fire"]},
        EX + "managedBy": {"type": "Relationship", "object": "urn:ngsi-ld:O:1", "objectType": EX + "Organisation"},
        NGSI + "location": SHELTER["location"],
        VOCAB + "address": SHELTER["address"],
        VOCAB + "extra": SHELTER["extra"],
        "createdAt": "2026-04-01T00:00:00Z",
    }


def test_translation_is_expansion_and_compaction_in_one() -> None:
    translated = translate(SHELTER, renaming(ONE, TWO))
    assert translated == compact_entity(expand_entity(SHELTER, ONE), TWO)
    assert translated["type"] == ["避難所", EX + "Building"]
    assert translated["収容人数"][1]["収容人数"] == {"type": "Property", "value": 1}
    assert translated["hazards"]["vocab"] == ["洪水", "Fire"]


def test_the_entity_that_is_renamed_stays_as_it_was() -> None:
    before = json.dumps(SHELTER)
    translate(SHELTER, renaming(ONE, TWO))
    expand_entity(SHELTER, ONE)
    assert json.dumps(SHELTER) == before


def test_contexts_of_equal_meaning_need_no_walk() -> None:
    entity = {"id": "urn:x:1", "type": "A"}
    assert translate(entity, renaming(core("1.8"), CORE)) is entity
    assert "@context" not in translate({**entity, "@context": CORE.url}, renaming(CORE, CORE))
    assert renaming(ONE, TWO) is renaming(ONE, TWO)


def test_names_go_forth_and_back() -> None:
    names = Renaming(ONE, TWO)
    assert names.to_target("Shelter") == "避難所"
    assert names.to_target("ex:Shelter") == "避難所"
    assert names.to_source("避難所") == "Shelter"
    assert names.to_source("plain") == names.to_target("plain") == "plain"


def test_concise_form() -> None:
    entity = {
        "id": "urn:x:1",
        "type": "Shelter",
        "capacity": 30,
        "barrierFree": {"value": True, "capacity": {"value": 1, "unitCode": "C62"}},
        "location": {"type": "Point", "coordinates": [139.7, 35.6]},
        "address": {"capacity": "no name"},
        "hazards": {"vocab": "Flood"},
        "managedBy": {"object": "urn:o:1", "objectType": ["ex:Organisation"]},
        "tags": [{"capacity": "a value"}, "b"],
    }
    expanded = expand_entity(entity, ONE)
    assert expanded[EX + "capacity"] == 30
    assert expanded[EX + "barrierFree"] == {"value": True, EX + "capacity": {"value": 1, "unitCode": "C62"}}
    assert expanded[NGSI + "location"] == entity["location"]
    assert expanded[VOCAB + "address"] == {"capacity": "no name"}
    assert expanded[VOCAB + "hazards"] == {"vocab": EX + "Flood"}
    assert expanded[EX + "managedBy"] == {"object": "urn:o:1", "objectType": [EX + "Organisation"]}
    assert expanded[VOCAB + "tags"] == entity["tags"]
    assert compact_entity(expanded, ONE) == {**entity, "managedBy": entity["managedBy"]}


def test_simplified_form_looks_into_no_value_but_vocab() -> None:
    entity = {
        "id": "urn:x:1",
        "type": "Shelter",
        "capacity": {"value": 3, "capacity": 4},
        "hazards": {"vocab": ["Flood"]},
        "barrierFree": {"dataset": {"@none": {"vocab": "Flood"}, "urn:x:2": {"value": 1}, "urn:x:3": "Flood"}},
        "location": {"type": "Point", "coordinates": [139.7, 35.6]},
        "@context": CORE.url,
    }
    assert translate(entity, renaming(ONE, TWO), simplified=True) == {
        "id": "urn:x:1",
        "type": "避難所",
        "収容人数": {"value": 3, "capacity": 4},
        "hazards": {"vocab": ["洪水"]},
        EX + "barrierFree": {"dataset": {"@none": {"vocab": "洪水"}, "urn:x:2": {"value": 1}, "urn:x:3": "Flood"}},
        "location": entity["location"],
    }


def test_temporal_and_linked_forms() -> None:
    entity = {
        "id": "urn:x:1",
        "type": "Shelter",
        "hazards": {"type": "VocabProperty", "vocabs": [[{"vocab": "Flood"}, "2026-04-01T00:00:00Z"]]},
        "capacity": {"values": [[{"Shelter": 1}, "2026-04-01T00:00:00Z"]]},
        "managedBy": {"type": "Relationship", "object": "urn:o:1", "entity": {"id": "urn:o:1", "type": "Shelter"}},
        "near": {"type": "ListRelationship", "objectList": [], "entityList": [{"id": "urn:o:2", "type": "Shelter"}]},
    }
    translated = translate(entity, renaming(ONE, TWO))
    assert translated["hazards"]["vocabs"] == [[{"vocab": "洪水"}, "2026-04-01T00:00:00Z"]]
    assert translated["収容人数"] == entity["capacity"]
    assert translated[EX + "managedBy"]["entity"]["type"] == "避難所"
    assert translated["near"]["entityList"][0]["type"] == "避難所"


def test_json_ld_spellings_of_fixed_members_are_stored_as_terms() -> None:
    entity = {
        "@id": "urn:x:1",
        "@type": "Shelter",
        "ngsi-ld:scope": "/a",
        "capacity": {"@type": "Property", "ngsi-ld:hasValue": 1, NGSI + "observedAt": "2026-04-01T00:00:00Z"},
    }
    assert expand_entity(entity, ONE) == {
        "id": "urn:x:1",
        "type": EX + "Shelter",
        "scope": "/a",
        EX + "capacity": {"type": "Property", "value": 1, "observedAt": "2026-04-01T00:00:00Z"},
    }


def test_an_attribute_may_be_called_value() -> None:
    entity = {"id": "urn:x:1", "type": "Sensor", "value": {"type": "Property", "value": 1}, "vocab": 5}
    expanded = expand_entity(entity, CORE)
    assert expanded[NGSI + "hasValue"] == {"type": "Property", "value": 1}
    assert compact_entity(expanded, CORE) == entity
    # "vocab" came into the core with 1.7: another attribute in 1.6, and never taken for the member
    old = translate(entity, renaming(core("1.6"), CORE))
    assert old["ngsi-ld:default-context/vocab"] == 5
    assert translate(old, renaming(CORE, core("1.6"))) == entity


def test_two_members_with_one_meaning_are_refused_in_the_stored_form() -> None:
    with pytest.raises(BadRequestData) as caught:
        expand_entity({"id": "urn:x:1", "type": "A", "capacity": 1, "ex:capacity": 2}, ONE)
    assert caught.value.field == "ex:capacity"
    with pytest.raises(BadRequestData):
        expand_entity({"id": "urn:x:1", "type": "A", "a": {"value": 1, "ngsi-ld:hasValue": 2}}, ONE)


def test_attributes_without_end_are_refused() -> None:
    nested: dict[str, Any] = {"type": "Property", "value": 1}
    for _ in range(500):
        nested = {"type": "Property", "value": 1, "a": nested}
    with pytest.raises(BadRequestData):
        expand_entity({"id": "urn:x:1", "type": "A", "a": nested}, CORE)
    linked: dict[str, Any] = {"id": "urn:x:1", "type": "A"}
    for _ in range(500):
        linked = {"id": "urn:x:1", "type": "A", "a": {"object": "urn:x:1", "entityList": [linked]}}
    with pytest.raises(BadRequestData):
        expand_entity(linked, CORE)
    lists: Any = 1
    for _ in range(500):
        lists = [lists]
    with pytest.raises(BadRequestData):
        expand_entity({"id": "urn:x:1", "type": "A", "a": {"object": "urn:x:1", "entityList": lists}}, CORE)


# --- against PyLD ----------------------------------------------------------------------------------------------------

_FIXED = (
    "hasValue hasObject hasLanguageMap hasJSON hasVocab hasObjectType observedAt unitCode datasetId createdAt scope"
)
_NO_ATTRIBUTES = {NGSI + name for name in _FIXED.split()}


def of_pyld(node: dict[str, Any]) -> Any:
    """Types, names and values that are names of a node in PyLD's expansion, in a comparable shape."""
    members = [("type", sorted(node.get("@type", [])))]
    for name, values in node.items():
        if name in (NGSI + "hasVocab", NGSI + "hasObjectType"):
            members.append((name, sorted(value["@id"] for value in values)))
        elif not name.startswith("@") and name not in _NO_ATTRIBUTES:
            members.append((name, sorted((of_pyld(value) for value in values), key=repr)))
    return sorted(members, key=repr)


def of_walk(stored: dict[str, Any], top: bool = True) -> Any:
    """The same of a stored entity."""
    types = stored["type"] if isinstance(stored["type"], list) else [stored["type"]]
    members = [("type", sorted(types if top else [NGSI + kind for kind in types]))]
    for name, value in stored.items():
        if name in ("vocab", "objectType"):
            iri = {"vocab": NGSI + "hasVocab", "objectType": NGSI + "hasObjectType"}[name]
            members.append((iri, sorted(value if isinstance(value, list) else [value])))
        elif ":" in name:
            several = value if isinstance(value, list) else [value]
            members.append((name, sorted((of_walk(item, False) for item in several), key=repr)))
    return sorted(members, key=repr)


names = st.sampled_from(
    ["Shelter", "capacity", "managedBy", "barrierFree", "Flood", "ex:a", "urn:a:b", "plain", "名前", "title", "status",
     "location", "ngsi-ld:title", EX + "x", "Property"]
)  # fmt: skip
times = st.just({"observedAt": "2026-04-01T00:00:00Z"}) | st.just({})
plain = st.fixed_dictionaries(
    {"type": st.just("Property"), "value": st.integers() | st.text(min_size=1) | st.booleans()}
)
vocab = st.fixed_dictionaries(
    {"type": st.just("VocabProperty"), "vocab": names | st.lists(names, min_size=1, max_size=3, unique_by=ONE.expand)}
)
relation = st.fixed_dictionaries(
    {"type": st.just("Relationship"), "object": st.just("urn:ngsi-ld:O:1")},
    optional={"objectType": names},
)


def attributes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(st.tuples(names, inner), max_size=4, unique_by=lambda pair: ONE.expand(pair[0])).map(dict)


instances = st.recursive(
    plain | vocab | relation,
    lambda inner: st.tuples(plain | vocab | relation, attributes(inner), times).map(lambda t: {**t[1], **t[2], **t[0]}),
    max_leaves=5,
)
entities = st.tuples(
    attributes(instances | st.lists(instances, min_size=1, max_size=3)),
    names | st.lists(names, min_size=1, max_size=3, unique_by=ONE.expand),
).map(lambda t: {"id": "urn:ngsi-ld:E:1", "type": t[1], **t[0]})


@given(entities)
@settings(max_examples=150, deadline=None)
def test_walk_gives_the_names_that_pyld_gives(entity: dict[str, Any]) -> None:
    assert of_walk(expand_entity(entity, ONE)) == of_pyld(expand(entity, USER))


@given(entities)
@settings(max_examples=150, deadline=None)
def test_stored_form_survives_compaction_and_translation(entity: dict[str, Any]) -> None:
    stored = expand_entity(entity, ONE)
    assert expand_entity(compact_entity(stored, TWO), TWO) == stored
    there = translate(entity, renaming(ONE, TWO))
    assert expand_entity(translate(there, renaming(TWO, ONE)), ONE) == stored


KINDS = ["BikeHireDockingStation", "CrowdFlowObserved", "EVChargingStation", "TrafficFlowObserved", "WeatherObserved"]


def payload(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A real entity and a context that has terms for its type and some of its attributes."""
    path = shared_data() / "smart-data-models" / name
    if not path.exists():
        pytest.skip("the real payloads are not on this machine")
    entity = json.loads(path.read_bytes())
    entity.pop("@context")
    attributes = [member for member in entity if member not in ("id", "type")]
    return entity, {entity["type"]: EX + "Type", **{member: EX + member for member in attributes[::2]}}


@pytest.mark.parametrize("kind", KINDS)
def test_real_normalized_payload(kind: str) -> None:
    entity, user = payload(f"{kind}.example-normalized.jsonld")
    context = build(user, {})
    stored = expand_entity(entity, context)
    document = expand(entity, user)
    assert [stored["type"]] == document["@type"]
    assert {n for n in stored if ":" in n} == {n for n in document if n[0] != "@"} - _NO_ATTRIBUTES
    assert compact_entity(stored, context) == entity


@pytest.mark.parametrize("kind", KINDS)
def test_real_simplified_payload(kind: str) -> None:
    entity, user = payload(f"{kind}.example.jsonld")
    context = build(user, {})
    renamed = translate(entity, renaming(context, CORE), simplified=True)
    assert list(renamed) == [name if name in ("id", "type") else CORE.compact(context.expand(name)) for name in entity]
    assert [v for n, v in renamed.items() if n != "type"] == [v for n, v in entity.items() if n != "type"]
    assert translate(renamed, renaming(CORE, context), simplified=True) == entity
