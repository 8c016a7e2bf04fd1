"""Temporal evolutions as providers send them."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.model import NULL
from schemas.ngsi_ld.temporal import Instance
from schemas.ngsi_ld.temporal_entity import parse_evolution, parse_instance

ID = "urn:ngsi-ld:Shelter:1"
SPEED = "https://uri.etsi.org/ngsi-ld/default-context/speed"


def read(**members: Any) -> list[Instance]:
    return parse_evolution({"id": ID, "type": "Shelter", **members}, context=CORE).instances


def test_instances_of_one_dataset_may_be_many() -> None:
    found = read(
        speed=[
            {"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"},
            {"type": "Property", "value": 2, "observedAt": "2026-01-02T00:00:00Z", "datasetId": "urn:x:a"},
            {"type": "Property", "value": 3, "observedAt": "2026-01-03T00:00:00Z", "datasetId": "urn:x:a"},
        ]
    )
    assert [(i.attribute, i.dataset, i.body["value"]) for i in found] == [
        (SPEED, "", 1),
        (SPEED, "urn:x:a", 2),
        (SPEED, "urn:x:a", 3),
    ]
    assert all("datasetId" not in i.body for i in found)
    assert found[0].observed_at is not None
    assert found[0].observed_at.isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("kind", "holder", "kept"),
    [
        ("Property", "value", NULL),
        ("GeoProperty", "value", NULL),
        ("Relationship", "object", NULL),
        ("LanguageProperty", "languageMap", {"@none": NULL}),
        ("JsonProperty", "json", NULL),
        ("VocabProperty", "vocab", NULL),
        ("ListProperty", "valueList", NULL),
        ("ListRelationship", "objectList", NULL),
    ],
)
def test_a_deleted_instance_is_history(kind: str, holder: str, kept: Any) -> None:
    (one,) = read(speed={"type": kind, holder: kept, "deletedAt": "2026-01-01T00:00:00Z"})
    assert one.body == {"type": kind, holder: kept}
    assert one.deleted_at is not None
    assert one.deleted_at.year == 2026


def test_the_simplified_form_is_taken_apart() -> None:
    (one, two) = read(
        speed={"type": "Property", "values": [[1, "2026-01-01T00:00:00Z"], [[2, 3], "2026-01-02T00:00:00Z"]]}
    )
    assert one.body == {"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"}
    assert two.body["value"] == [2, 3]
    (said,) = read(
        says={"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"ja": "はい"}}, "2026-01-01T00:00:00Z"]]}
    )
    assert said.body["languageMap"] == {"ja": "はい"}


def test_scopes_plain_and_in_time() -> None:
    (plain,) = read(scope=["/Tokyo", "/Kanto"])
    assert (plain.attribute, plain.body) == ("scope", {"type": "Property", "value": ["/Tokyo", "/Kanto"]})
    first, second = read(
        scope=[
            {"type": "Property", "value": "/A", "observedAt": "2026-01-01T00:00:00Z"},
            {"type": "Property", "value": ["/B"], "observedAt": "2026-01-02T00:00:00Z"},
        ]
    )
    assert (first.body["value"], second.body["value"]) == ("/A", ["/B"])


@pytest.mark.parametrize(
    ("members", "field"),
    [
        (
            {"speed": [{"type": "Property", "value": 1, "observedAt": "2026-03-01T02:00:00+03:00"}]},
            "speed[0].observedAt",
        ),
        ({"speed": [{"type": "Property"}]}, "speed[0].value"),
        ({"speed": {"type": "Property", "values": [[1]]}}, "speed.values[0]"),
        ({"expiresAt": NULL}, "expiresAt"),
        ({"scope": "not a scope!"}, "scope"),
        ({"scope": [{"type": "Property", "value": "/A", "observedAt": "yesterday"}]}, "scope.observedAt"),
        ({"speed": {"type": "Property", "value": NULL, "deletedAt": "now"}}, "speed.deletedAt"),
        ({"speed": 1, SPEED: 2}, SPEED),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        read(**members)
    assert caught.value.field is not None
    assert caught.value.field.startswith(field)


def test_a_fragment_needs_no_head_but_something() -> None:
    given = parse_evolution({"speed": [{"type": "Property", "value": 1}]}, context=CORE, fragment=True)
    assert (given.types, len(given.instances)) == ((), 1)
    with pytest.raises(BadRequestData):
        parse_evolution({}, context=CORE, fragment=True)


def test_one_instance_in_every_form_that_it_may_have() -> None:
    bare = {"type": "Property", "value": 5, "observedAt": "2026-01-01T00:00:00Z"}
    for given in (bare, [bare], {"speed": [bare]}, {"speed": bare}):
        assert parse_instance("speed", given, context=CORE).body == bare
    for wrong in ([], [bare, bare], "5", {"speed": [bare, bare]}):
        with pytest.raises(BadRequestData):
            parse_instance("speed", wrong, context=CORE)
