"""The renaming on bytes against the walk: whatever it gives is what the walk gives."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ngsi_ld.context import CORE, VOCAB, Context, build, core
from schemas.ngsi_ld.rename import renaming, translate
from schemas.ngsi_ld.rename_bytes import TextRenaming, text_renaming

EX = "https://example.org/"
DOCUMENTS: list[Any] = [
    {"ex": EX, "Car": VOCAB + "Vehicle", "marque": VOCAB + "brand", "tempo": "ex:speed"},
    {"車両": VOCAB + "Vehicle", "brand": EX + "speed", "speed": VOCAB + "brand"},
    {"ex": EX + "other#", "Vehicle": EX + "Vehicle", "a": EX + "a", "b": EX + "a", "wert": "ngsi-ld:hasValue"},
    {"Vehicle": VOCAB + "brand", "brand": VOCAB + "Vehicle", "tempo": {"@id": EX + "speed", "@type": "@id"}},
]
CONTEXTS: list[Context] = [CORE, core("1.6"), *(build(document, {}) for document in DOCUMENTS)]
NAMES = [
    "Vehicle", "Car", "車両", "brand", "marque", "tempo", "speed", "a", "b", "wert", "plain", "value", "ex",
    "ex:speed", "ngsi-ld:hasValue", EX + "speed", EX + "a", VOCAB + "brand", VOCAB + "x", ",", "description", "unit",
]  # fmt: skip
names = st.sampled_from(NAMES)
values = st.recursive(
    names | st.integers() | st.sampled_from(['"brand"', 'x "Vehicle', "\\", "/", "tab\t", "é"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=3,
)


def attributes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kinds = st.sampled_from([("Property", "value"), ("VocabProperty", "vocab"), ("Relationship", "object")])
    return st.builds(
        lambda kind, value, others: {"type": kind[0], kind[1]: value, **others},
        kinds,
        values,
        st.dictionaries(names, inner, max_size=1),
    )


attribute = st.recursive(attributes(values), attributes, max_leaves=2)
entities = st.builds(
    lambda n, kind, members: {"id": f"urn:x:{n}", "type": kind, **members},
    st.integers(0, 9),
    names | st.lists(names, min_size=1, max_size=2),
    st.dictionaries(names, attribute | st.lists(attribute, min_size=1, max_size=2) | values, max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(
    source=st.sampled_from(CONTEXTS),
    target=st.sampled_from(CONTEXTS),
    rows=st.lists(entities, max_size=3),
    ascii_only=st.booleans(),
    space=st.sampled_from(["", " ", "\n"]),
)
def test_is_the_walk(source: Context, target: Context, rows: list[Any], ascii_only: bool, space: str) -> None:
    body = json.dumps(rows, ensure_ascii=ascii_only, separators=("," + space, space + ":" + space)).encode()
    given = text_renaming(source, target).apply(body)
    if given is None:
        return
    renamed, heads = given
    expected = [translate(row, renaming(source, target)) for row in rows]
    assert json.loads(renamed) == expected
    assert [(head.id, head.type) for head in heads] == [(row["id"], row["type"]) for row in expected]


def vehicle(n: int, **members: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Vehicle:{n}",
        "type": "Vehicle",
        "brand": {"type": "Property", "value": f"Brand {n}"},
        "speed": {"type": "Property", "value": n, "unitCode": "KMH"},
        **members,
    }


def changed(*rows: dict[str, Any]) -> Any:
    given = TextRenaming(CORE, CONTEXTS[2]).apply(orjson.dumps(list(rows)))
    return None if given is None else orjson.loads(given[0])


def test_what_it_is_for() -> None:
    first, second = changed(vehicle(1), vehicle(2, name={"type": "Property", "value": "車"}))
    assert list(first) == ["id", "type", "marque", "speed"]
    assert (first["type"], second["type"]) == ("Car", "Car")
    assert second["name"]["value"] == "車"


def test_a_page_of_another_kind_after_the_first() -> None:
    text = TextRenaming(CORE, CONTEXTS[2])
    for row in (vehicle(1), {"id": "urn:x:1", "type": "Bike", "brand": {"type": "Property", "value": 1}}, vehicle(2)):
        given = text.apply(orjson.dumps([row]))
        assert given is not None
        assert orjson.loads(given[0]) == [translate(row, renaming(CORE, CONTEXTS[2]))]


@pytest.mark.parametrize(
    "members",
    [
        {"note": {"type": "Property", "value": "brand"}},
        {"note": {"type": "Property", "value": {"brand": 1}}},
        {"note": {"type": "Property", "value": 1, "brand": {"type": "Property", "value": 1}}},
        {"note": {"type": "VocabProperty", "vocab": "Vehicle"}},
        {"marque": {"type": "Property", "value": 1}},
        {"note": {"type": "Property", "value": 1, "@context": "https://example.org/c"}},
        {EX + "speed": {"type": "Property", "value": 1}},
    ],
)
def test_what_is_left_to_the_walk(members: dict[str, Any]) -> None:
    assert changed(vehicle(1, **members)) is None
    assert changed(vehicle(1)) is not None


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[", b"[1]", b'[{"id":"urn:x:1"}]', b'[{"id":"urn:x:1","type":"T","a":"\xff"}]', b"[" * 100_000],
)
def test_what_is_no_array_of_entities(body: bytes) -> None:
    assert TextRenaming(CORE, CONTEXTS[2]).apply(body) is None


def test_an_escaped_name_is_a_name() -> None:
    body = orjson.dumps([vehicle(1)]).replace(b'"brand"', b'"\\u0062rand"')
    assert TextRenaming(CORE, CONTEXTS[2]).apply(body) is None


def test_it_learns_only_so_much() -> None:
    text = TextRenaming(CORE, CONTEXTS[2])
    for n in range(200):
        row = vehicle(n) | {"type": f"Kind{n}"}
        given = text.apply(orjson.dumps([row]))
        assert given is None or orjson.loads(given[0])[0]["type"] == f"Kind{n}"
    assert text.apply(orjson.dumps([vehicle(1) | {"type": "Kind0"}])) is not None
    assert text.apply(orjson.dumps([vehicle(1) | {"type": "Kind199"}])) is None
