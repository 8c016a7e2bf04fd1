from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.query_memory import EntityTable, fits, plan_in_memory
from adapters.testing.fixtures import canonical_entities, to_ngsi_ld
from schemas.capability import Residual
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import parse_type_selection

ALL = [to_ngsi_ld(entity) for entity in canonical_entities()]
TABLE = EntityTable(ALL)
IDS = [entity["id"] for entity in ALL]

QUERIES = st.builds(
    EntityQuery,
    ids=st.just(()) | st.lists(st.sampled_from([*IDS, "urn:x:none"]), min_size=1, max_size=5).map(tuple),
    types=st.none() | st.sampled_from(["EvacuationShelter", "CrowdFlowObserved,X", "X"]).map(parse_type_selection),
    id_pattern=st.none() | st.sampled_from(["-00[1-5]$", "Crowd", "^nothing"]),
    attrs=st.sampled_from([(), ("floorArea",), ("name", "peopleCount"), ("nothing",)]),
    pick=st.sampled_from([(), ("managedBy",), ("id", "name")]),
    q=st.none()
    | st.sampled_from(["capacity>500", "name~=公民館", "managedBy|averageSpeed", "!floorArea"]).map(parse_q),
    geo=st.none()
    | st.sampled_from(
        [
            parse_geo("near;maxDistance==800", "Point", "[139.757,35.655]"),
            parse_geo("near;minDistance==800", "Point", "[139.757,35.655]"),
            parse_geo("disjoint", "Polygon", "[[[139.75,35.65],[139.76,35.65],[139.76,35.66],[139.75,35.65]]]"),
            parse_geo("within", "Polygon", "[[[139.74,35.64],[139.76,35.64],[139.76,35.68],[139.74,35.64]]]"),
        ]
    ),
    limit=st.integers(0, 70),
    offset=st.integers(0, 30),
    count=st.booleans(),
)


def naive(query: EntityQuery) -> list[dict[str, Any]]:
    """What clause 5.7.2 says, one entity after the other."""
    return [
        entity
        for entity in sorted(ALL, key=lambda e: e["id"])
        if (not query.ids or entity["id"] in query.ids)
        and (query.types is None or query.types.matches(types_of(entity)))
        and (query.id_pattern is None or compile_pattern(query.id_pattern).found_in(entity["id"]))
        and (not query.attrs or any(name in entity for name in query.attrs))
        and (not query.pick or any(name in entity for name in query.pick))
        and (query.q is None or query.q.matches(entity))
        and (query.geo is None or query.geo.matches(entity))
    ]


@given(QUERIES)
def test_select_equals_the_naive_way(query: EntityQuery) -> None:
    expected = naive(query)
    chosen = TABLE.select(query)
    page = expected[query.offset : query.offset + query.limit]
    assert [TABLE.entities[i]["id"] for i in chosen.positions] == [entity["id"] for entity in page]
    assert chosen.total == (len(expected) if query.count else None)


@given(QUERIES)
def test_a_page_is_bytes_with_their_heads(query: EntityQuery) -> None:
    page = TABLE.page(query)
    assert page.raw is not None
    rows = orjson.loads(page.raw)
    assert [(row["id"], row["type"]) for row in rows] == [(head.id, head.type) for head in page.heads or ()]
    for row in rows:
        names = set(row) - {"id", "type"}
        assert not query.pick or names <= set(query.pick)
        assert query.pick or not query.attrs or names <= set(query.attrs)


@given(QUERIES)
def test_fits_with_everything_left_equals_the_naive_way(query: EntityQuery) -> None:
    everything = Residual(ids=True, types=True, id_pattern=True, q=True, geo=True, projection=True)
    assert [e["id"] for e in TABLE.entities if fits(e, query.alter(pick=()), everything)] == [
        e["id"] for e in naive(query.alter(pick=()))
    ]
    assert all(fits(e, query, Residual()) for e in TABLE.entities)


def test_the_plan_leaves_only_what_can_not_be_done_here() -> None:
    assert plan_in_memory(EntityQuery(), "").residual == Residual()
    assert plan_in_memory(EntityQuery(pick=("name",)), "").residual == Residual(projection=True)
    assert plan_in_memory(EntityQuery(omit=("id",)), "").residual == Residual(projection=True)
    assert plan_in_memory(EntityQuery(pick=("id", "type", "name")), "").residual == Residual()
    joined = plan_in_memory(EntityQuery(q=parse_q('managedBy{name}=="A"')), "")
    assert joined.residual.q
    assert not joined.limit_guaranteed
    assert TABLE.page(joined.request).raw is not None


def test_retrieve_gives_one_object_or_an_empty_page() -> None:
    page = TABLE.page(EntityQuery(ids=(IDS[0],), retrieve=True, limit=1))
    assert orjson.loads(page.raw or b"")["id"] == IDS[0]
    assert TABLE.page(EntityQuery(ids=("urn:x:none",), retrieve=True, limit=1)).entities == []


def test_renaming_that_changes_nothing_is_the_same_table() -> None:
    assert TABLE.renamed(lambda name: name) is TABLE
    other = TABLE.renamed(lambda name: f"x_{name}")
    assert set(other.by_type) == {"x_EvacuationShelter", "x_CrowdFlowObserved"}
    assert {len(e) for e in other.entities} == {len(e) for e in TABLE.entities}
    assert not any("capacity" in entity for entity in other.entities)


def test_order_is_by_code_point() -> None:
    ids = ["urn:x:b", "urn:x:B", "urn:x:10", "urn:x:9", "urn:x:é"]
    table = EntityTable({"id": i, "type": "T"} for i in ids)
    assert [e["id"] for e in table.entities] == sorted(ids)


@pytest.mark.parametrize("types", ["A;B", "(A;B),C"])
def test_several_types_of_one_entity(types: str) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "urn:x:1", "type": ["A", "B"]},
        {"id": "urn:x:2", "type": "A"},
        {"id": "urn:x:3", "type": "C"},
    ]
    table = EntityTable(rows)
    chosen = table.select(EntityQuery(types=parse_type_selection(types)))
    assert list(chosen.positions) == ([0] if "C" not in types else [0, 2])
