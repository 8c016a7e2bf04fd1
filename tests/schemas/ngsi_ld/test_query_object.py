"""The Query data type (clause 5.2.23)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.query_memory import fits
from schemas.capability import Residual
from schemas.errors import BadRequestData, InvalidRequest, TooComplexQuery
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.query_object import read_query_object

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_MEMBERS = st.sampled_from(
    ["type", "entities", "q", "geoQ", "ordering", "attrs", "pick", "join", "joinLevel", "datasetId", "splitEntities"]
)


def parsed(**members: Any) -> EntityQuery:
    params, selectors = read_query_object({"type": "Query", **members}, CORE)
    return parse_query(params, CORE, selectors=selectors)[0]


def test_it_says_what_the_parameters_say() -> None:
    query = parsed(
        entities=[{"type": "A,B", "idPattern": "^urn:"}],
        q="speed>5",
        scopeQ="/a/#",
        geoQ={"georel": "within", "geometry": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        ordering={"orderBy": ["name;desc", "location;dist-asc"], "coordinates": [8, 40], "collation": "und"},
        pick=["id", "near{id}"],
        join="inline",
        joinLevel=2,
        containedBy=["urn:x"],
        splitEntities=True,
        expandValues="speed",
        jsonKeys=["raw"],
        csf='area=="minato"',
    )
    same = parse_query(
        {
            "type": "A,B",
            "idPattern": "^urn:",
            "q": "speed>5",
            "scopeQ": "/a/#",
            "georel": "within",
            "geometry": "Polygon",
            "coordinates": "[[[0,0],[1,0],[1,1],[0,0]]]",
            "orderBy": "name;desc,location;dist-asc",
            "orderFrom": "[8,40]",
            "collation": "und",
            "pick": "id,near{id}",
            "join": "inline",
            "joinLevel": "2",
            "containedBy": "urn:x",
            "splitEntities": "true",
            "expandValues": "speed",
            "csf": 'area=="minato"',
        },
        CORE,
    )[0]
    assert query == same


def test_an_id_prevails_over_a_pattern() -> None:
    query = parsed(entities=[{"type": "A", "id": ["urn:a", "urn:b"], "idPattern": "c"}])
    assert (query.ids, query.id_pattern, query.selectors) == (("urn:a", "urn:b"), None, ())


def test_any_type_is_local() -> None:
    query = parsed(entities=[{"type": "*"}])
    assert query.local
    assert query.types is None


def test_several_selectors_are_alternatives() -> None:
    query = parsed(entities=[{"type": "A", "id": "urn:a"}, {"type": "B", "idPattern": "^urn:b"}, {"type": "C"}])
    assert query.types is not None
    assert query.types.names == {"A", "B", "C"}
    assert (query.ids, query.id_pattern) == ((), None)
    expected = {
        ("urn:a", "A"): True,
        ("urn:b", "A"): False,
        ("urn:b2", "B"): True,
        ("urn:a", "B"): False,
        ("x", "C"): True,
    }
    for (name, type_), wanted in expected.items():
        assert fits({"id": name, "type": type_}, query, Residual(scope=True)) is wanted
    assert parsed(entities=[{"type": "A", "id": "urn:a"}, {"type": "B", "id": "urn:b"}]).ids == ("urn:a", "urn:b")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "type"),
        ({"type": "Other"}, "type"),
        ({"type": "Query", "what": 1}, "what"),
        ({"type": "Query", "entities": []}, "entities"),
        ({"type": "Query", "entities": [{"id": "urn:a"}]}, "entities.type"),
        ({"type": "Query", "entities": [{"type": "A", "id": "no uri"}]}, "entities.id"),
        ({"type": "Query", "entities": [{"type": "A", "id": ["urn:a", 5]}]}, "entities.id"),
        ({"type": "Query", "entities": [{"type": "A", "id": []}]}, "entities.id"),
        ({"type": "Query", "entities": [{"type": "A", "idPattern": 5}]}, "entities.idPattern"),
        ({"type": "Query", "entities": [{"type": "A", "x": 5}]}, "entities.x"),
        ({"type": "Query", "q": 5}, "q"),
        ({"type": "Query", "attrs": []}, "attrs"),
        ({"type": "Query", "attrs": [5]}, "attrs"),
        ({"type": "Query", "joinLevel": 1.5}, "joinLevel"),
        ({"type": "Query", "splitEntities": "yes"}, "splitEntities"),
        ({"type": "Query", "geoQ": 5}, "geoQ"),
        ({"type": "Query", "geoQ": {"georel": 5}}, "geoQ.georel"),
        ({"type": "Query", "geoQ": {"what": "x"}}, "geoQ.what"),
        ({"type": "Query", "ordering": {}}, "ordering.orderBy"),
        ({"type": "Query", "ordering": {"orderBy": ["a;dist-asc"], "coordinates": "8,40"}}, "ordering.coordinates"),
        ({"type": "Query", "ordering": {"orderBy": ["id"], "geometry": 5}}, "ordering.geometry"),
    ],
)
def test_refuses(document: object, field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        read_query_object(document, CORE)
    assert caught.value.field == field


@given(st.dictionaries(_MEMBERS, _JSON))
def test_whatever_comes_is_read_or_refused(members: dict[str, Any]) -> None:
    with suppress(BadRequestData, InvalidRequest, TooComplexQuery):
        params, selectors = read_query_object({**members, "type": "Query"}, CORE)
        query, _ = parse_query(params, CORE, selectors=selectors)
        assert query.local or query.types is not None or query.q is not None or query.attrs or query.geo is not None
