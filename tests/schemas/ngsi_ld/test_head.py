"""Heads of entities, read from bytes: never less strict than what the gateway then relies on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import BadUpstream
from schemas.ngsi_ld.head import read_head, read_heads, split_rows, types_of

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A noisy machine is no failure."""

json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
entities = st.fixed_dictionaries({"id": st.text(), "type": st.text() | st.lists(st.text(), max_size=2)}).flatmap(
    lambda head: st.dictionaries(st.text().filter(lambda k: k not in ("id", "type")), json, max_size=3).map(
        lambda rest: rest | head
    )
)


@CALM
@given(st.lists(entities, max_size=4))
def test_heads_and_rows_are_those_of_the_entities(given: list[dict[str, Any]]) -> None:
    body = orjson.dumps(given)
    heads = read_heads(body)
    assert [(h.id, h.type) for h in heads] == [(e["id"], e["type"]) for e in given]
    assert [bool(h.context) for h in heads] == ["@context" in e for e in given]
    assert [orjson.loads(bytes(row)) for row in split_rows(body)] == given


@CALM
@given(entities)
def test_one_entity(entity: dict[str, Any]) -> None:
    head = read_head(orjson.dumps(entity))
    assert (head.id, head.type) == (entity["id"], entity["type"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"[null]",
        b"[1]",
        b'[{"id":"a"}]',
        b'[{"type":"T"}]',
        b'[{"id":1,"type":"T"}]',
        b'[{"id":"a","type":1}]',
        b'[{"id":"a","type":[1]}]',
        b'[{"id":"a","type":"T"}',
        b'[{"id":"a","type":"T"}] x',
        b'[{"id":"a","type":"T","v":"\xff"}]',
        b'[{"id":"a","type":"T","v":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
        b"\xef\xbb\xbf[]",
        "[]".encode("utf-16"),
    ],
)
def test_what_is_no_list_of_entities(body: bytes) -> None:
    with pytest.raises(BadUpstream) as raised:
        read_heads(body)
    assert len(raised.value.detail) < 300
    with pytest.raises(BadUpstream):
        read_head(body)


@CALM
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (read_heads, read_head):
        try:
            read(body)
        except BadUpstream:
            continue


def test_types() -> None:
    assert types_of({"type": "T"}) == ("T",)
    assert types_of({"type": ["T", "U"]}) == ("T", "U")
    assert types_of({}) == ()
