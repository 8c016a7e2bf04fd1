"""Spans of keys against the evaluators of q and of scopes: what matches has a key within, in every cover."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from entity_strategies import OWN, entities, queries, scope_queries, scopes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broker.store.entity_keys import ANY, NAMED, SIDES, Key, keys_of, way
from broker.store.entity_spans import Cover, covers, scope_covers
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.rename import compact_entity, expand_entity
from schemas.ngsi_ld.scope import parse_scope_query
from schemas.ngsi_ld.sort_key import sort_key

BORN = datetime(2026, 1, 1, tzinfo=UTC)
CHANGED = datetime(2026, 2, 1, 12, 30, 0, 250_000, tzinfo=UTC)
STAMPS = {"createdAt": "2026-01-01T00:00:00.000Z", "modifiedAt": "2026-02-01T12:30:00.250Z"}


def holds(keys: set[Key], cover: Cover) -> bool:
    return any(
        key.path == span.path and (key.unkeyed or span.low <= key.key <= span.high or key.key == ANY)
        for key in keys
        for span in cover
    )


@settings(max_examples=300)
@given(entities, queries, st.sampled_from((CORE, OWN)), st.sampled_from((CORE, OWN)))
@example({"id": "urn:x", "type": "T", "a": {"type": "Property", "value": 2**53 + 1}}, f"a>{2**53}", CORE, CORE)
def test_what_matches_is_in_every_cover(entity: dict[str, Any], text: str, written: Context, asked: Context) -> None:
    stored = expand_entity(entity, written)
    query = parse_q(text, context=asked)
    if query.matches(compact_entity(stored, asked)):
        keys = keys_of(stored, BORN, CHANGED)
        for cover in covers(query, asked):
            assert holds(keys, cover), (cover, keys)


@settings(max_examples=150)
@given(st.lists(scopes, max_size=3), scope_queries)
def test_scopes_that_match_are_in_every_cover(held: list[str], text: str) -> None:
    query = parse_scope_query(text)
    if query.matches(held):
        keys = keys_of({"id": "urn:x", "type": "T", "scope": held}, BORN, CHANGED)
        for cover in scope_covers(query):
            assert holds(keys, cover)


@pytest.mark.parametrize(
    ("q", "times"),
    [
        ("modifiedAt>2026-02-01T12:30:00Z", [1]),
        ('modifiedAt>"2026-02-01T12:30:00Z"', [1]),
        ("modifiedAt<=2026-02-01T12:30:00Z", [0]),
        ("createdAt==2026-01-01T00:00:00Z", [1]),
        ("a.observedAt>=2026-01-03T00:00:00Z", [1]),
        ("a.observedAt<2026-01-02T00:00:00Z", [0]),
        ("a>2025-12-31T00:00:00Z", [1]),
    ],
)
def test_times_are_ranges(q: str, times: list[int]) -> None:
    entity = {"a": {"type": "Property", "value": "2026-01-01T00:00:00Z", "observedAt": "2026-01-03T00:00:00Z"}}
    stored = expand_entity({"id": "urn:x", "type": "T", **entity}, CORE)
    (cover,) = covers(parse_q(q, context=CORE), CORE)
    assert holds(keys_of(stored, BORN, CHANGED), cover) is bool(times[0])
    assert parse_q(q, context=CORE).matches({**entity, **STAMPS}) is bool(times[0])


@pytest.mark.parametrize(
    "q", ["a", "!a", "a!=1", 'a~="x"', 'a>"x"', 'a=="a".."b"', "a==1|!b", "a{b}==1", 'id=="urn:1"', "a.unitCode==1"]
)
def test_what_is_not_certain_is_in_no_cover(q: str) -> None:
    assert covers(parse_q(q, context=CORE), CORE) == []


@pytest.mark.parametrize(("q", "number"), [("a==1;b>2;c", 2), ("a==1|b>2", 1), ("(a==1;b>2)|c==3", 1), ("a==1,2", 1)])
def test_terms_that_hold_together_are_covers_of_their_own(q: str, number: int) -> None:
    assert len(covers(parse_q(q, context=CORE), CORE)) == number


def test_main_and_side_keys() -> None:
    entity = {
        "a": [{"value": 1, "datasetId": "urn:d"}, {"value": "x", "b": {"value": True}}],
        "l": {"type": "ListProperty", "valueList": [3, "2026-01-01T00:00:00Z"]},
        "v": {"type": "VocabProperty", "vocab": "urn:v"},
        "g": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
    }
    keys = {key for key in keys_of(entity, BORN, CHANGED) if not key.path.endswith("At")}
    time = {"@type": "DateTime", "@value": "2026-01-01T00:00:00Z"}
    assert keys == {
        Key("a", False, made("x")),
        Key("a", True, made(1)),
        Key(way("a", "b"), False, made(True)),
        Key("l", False, made([3, "2026-01-01T00:00:00Z"])),
        Key("l", True, made(3)),
        Key("l", True, made(time)),
        Key("v", False, NAMED),
        Key("v", True, made("urn:v")),
        Key("g", True, b"", unkeyed=True),
    }


def test_an_attribute_of_many_values_may_have_any() -> None:
    entity = {"a": {"type": "Property", "value": list(range(SIDES + 1))}}
    assert {key.key for key in keys_of(entity, BORN, CHANGED) if key.side} == {ANY}


def made(value: Any) -> bytes:
    key = sort_key(value)
    assert key is not None
    return key
