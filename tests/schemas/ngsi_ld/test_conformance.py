"""Entities in the terms of earlier versions (clause 4.3.6.8)."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ngsi_ld.conformance import CURRENT, Version, older

ENTITY: dict[str, Any] = {
    "id": "urn:x",
    "type": ["T", "U"],
    "scope": "/Tokyo",
    "expiresAt": "2030-01-01T00:00:00Z",
    "a": {
        "type": "Property",
        "value": 1,
        "unitCode": "C62",
        "valueType": "Int",
        "b": {"type": "VocabProperty", "vocab": "v"},
    },
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "橋"}},
    "of": {"type": "ListRelationship", "objectList": [{"object": "urn:y"}, {"object": "urn:z"}], "objectType": "V"},
    "j": [
        {"type": "JsonProperty", "json": {"type": "Property"}, "datasetId": "urn:d"},
        {"type": "JsonProperty", "json": [1], "observedAt": "2026-01-01T00:00:00Z"},
    ],
}
OF = {"type": "Relationship", "object": ["urn:y", "urn:z"]}
A = {"type": "Property", "value": 1, "unitCode": "C62", "b": {"type": "Property", "value": "v"}}
JS = [
    {"type": "Property", "value": {"type": "Property"}, "datasetId": "urn:d"},
    {"type": "Property", "value": [1], "observedAt": "2026-01-01T00:00:00Z"},
]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((1, 8), {**ENTITY, "a": A | {"b": ENTITY["a"]["b"]}, "expiresAt": None}),
        ((1, 7), {**ENTITY, "a": A, "of": OF, "j": JS, "expiresAt": None}),
        (
            (1, 3),
            {
                "id": "urn:x",
                "type": ["T", "U"],
                "a": A,
                "of": OF,
                "j": JS,
                "name": {"type": "Property", "value": {"ja": "橋"}},
            },
        ),
        (
            (1, 0),
            {
                "id": "urn:x",
                "type": "T",
                "of": OF,
                "j": {"type": "Property", "value": [1]},
                "a": {"type": "Property", "value": 1, "b": {"type": "Property", "value": "v"}},
                "name": {"type": "Property", "value": {"ja": "橋"}},
            },
        ),
    ],
)
def test_tables(version: Version, expected: dict[str, Any]) -> None:
    assert older(ENTITY, version) == {name: member for name, member in expected.items() if member is not None}


def test_what_conforms_is_left_as_it_is() -> None:
    assert older(ENTITY, CURRENT) is ENTITY
    old = {"id": "urn:x", "type": "T", "a": {"type": "Property", "value": {"type": "VocabProperty", "vocab": "v"}}}
    assert older(old, (1, 0)) is old
    deep: dict[str, Any] = {"type": "Property", "value": 1}
    for _ in range(500):
        deep = {"type": "Property", "value": 1, "a": deep}
    entity = {"id": "urn:x", "type": "T", "a": deep}
    assert older(entity, (1, 0)) is entity
