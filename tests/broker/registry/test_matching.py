"""Which sources a question goes to: as few as possible, and never one too few."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract import Adapter
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from broker.registry.matching import SourceIndex
from broker.registry.source import Source
from schemas.flow import Provider
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Coverage, EntityPattern, Platform

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A noisy machine is no failure."""


def source(name: str, *patterns: EntityPattern, attributes: tuple[str, ...] = (), bounds: Any = None) -> Source:
    coverage = Coverage(tuple(patterns), frozenset(map(CORE.expand, attributes)))
    platform = Platform(name, "ngsi_ld", "http://x", coverage=coverage)
    adapter = cast("Adapter", None)  # matching looks at registrations only
    return Source(platform, adapter, Provider(name), {}, Breaker(1, 1), Bulkhead(1), bounds)


def of(type_: str | None = None, id_: str | None = None, pattern: str | None = None) -> EntityPattern:
    return EntityPattern(None if type_ is None else CORE.expand(type_), id_, pattern)


def query(**params: str) -> EntityQuery:
    return parse_query(params, CORE)[0]


def matched(question: EntityQuery, *sources: Source) -> list[str]:
    return [s.id for s in SourceIndex(sources).match(question)]


def test_sources_come_in_order_of_id() -> None:
    sources = [source("c"), source("a", of("T")), source("b", of("U"), of("T"))]
    assert matched(query(type="T"), *sources) == ["a", "b", "c"]
    assert matched(query(type="U,T"), *sources) == ["a", "b", "c"]
    assert matched(query(type="V"), *sources) == ["c"]


@pytest.mark.parametrize(
    ("pattern", "params", "found"),
    [
        (of("T"), {"type": "T"}, True),
        (of("T"), {"type": "U"}, False),
        (of("T"), {"type": "U|T"}, True),
        (of("T"), {"type": "(U;T)"}, True),
        (of("T"), {"q": "a"}, True),
        (of("T", "urn:x:1"), {"type": "T", "id": "urn:x:1"}, True),
        (of("T", "urn:x:1"), {"type": "T", "id": "urn:x:2"}, False),
        (of("T", "urn:x:1"), {"type": "T", "idPattern": "1$"}, True),
        (of("T", "urn:x:1"), {"type": "T", "idPattern": "2$"}, False),
        (of("T", "urn:x:1"), {"type": "T"}, True),
        (of("T", None, "^urn:x"), {"type": "T", "id": "urn:y:1"}, False),
        (of("T", None, "^urn:x"), {"type": "T", "id": "urn:y:1,urn:x:1"}, True),
        (of("T", None, "^urn:x"), {"type": "T", "idPattern": "^urn:y"}, True),
        (of(None, "urn:x:1"), {"type": "T", "id": "urn:x:1"}, True),
    ],
)
def test_entities_of_a_registration(pattern: EntityPattern, params: dict[str, str], found: bool) -> None:
    assert matched(query(**params), source("a", pattern)) == (["a"] if found else [])


def test_each_entity_info_is_looked_at_for_itself() -> None:
    both = source("a", of("T", "urn:x:1"), of("U", "urn:x:2"))
    assert matched(query(type="T", id="urn:x:2"), both) == []
    assert matched(query(type="U", id="urn:x:2"), both) == ["a"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"attrs": "a"}, True),
        ({"attrs": "b"}, False),
        ({"attrs": "b,a"}, True),
        ({"pick": "b"}, False),
        ({"pick": "id,type"}, True),
        ({"attrs": "b", "q": "a>1"}, True),
        ({"attrs": "b", "q": "c>1"}, False),
        ({"q": "c>1"}, True),
        ({"attrs": "b", "georel": "near;maxDistance==1", "geometry": "Point", "coordinates": "[1,2]"}, False),
    ],
)
def test_attributes_of_a_registration(params: dict[str, str], found: bool) -> None:
    assert matched(query(type="T", **params), source("p", attributes=("a",))) == (["p"] if found else [])


@pytest.mark.parametrize(
    ("coordinates", "found"), [("[139.5,35.5]", True), ("[138.9,35.5]", False), ("[139.5,36.5]", False)]
)
def test_the_area_of_a_registration(coordinates: str, found: bool) -> None:
    near = {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": coordinates}
    box = source("p", bounds=(139.0, 35.0, 140.0, 36.0))
    assert matched(query(type="T", **near), box) == (["p"] if found else [])
    assert matched(query(type="T", geoproperty="other", **near), box) == ["p"], "the area is that of the location"
    away = near | {"georel": "near;minDistance==100"}
    assert matched(query(type="T", **away), box) == ["p"]


def test_reasons_are_given() -> None:
    judged = SourceIndex([source("a", of("U")), source("b")]).judge_all(query(type="T"))
    assert [(j.source.id, j.matches, bool(j.reason)) for j in judged] == [("a", False, True), ("b", True, False)]


ids = st.integers(0, 5).map(lambda n: f"urn:x:{n}")
kinds = st.sampled_from("TUV")
patterns = st.builds(
    of, st.none() | kinds, st.none() | ids, st.none() | st.sampled_from(["[0-2]$", "^urn:x", "^urn:y", "5"])
)


@CALM
@given(st.lists(patterns, max_size=3), st.lists(kinds, min_size=1, max_size=2), st.lists(ids, max_size=3), ids, kinds)
def test_a_source_that_may_hold_a_match_is_asked(
    covered: list[EntityPattern], asked: list[str], wanted: list[str], held: str, kind: str
) -> None:
    """A source holds an entity that its registration covers and the question selects: it must be among the matched."""

    def covers(p: EntityPattern) -> bool:
        named = p.id is None or p.id == held
        # an EntityInfo with an id needs no pattern (clause 5.2.8)
        fits = p.id is not None or p.id_pattern is None or re.search(p.id_pattern, held) is not None
        return p.type in (None, CORE.expand(kind)) and named and fits

    if covered and not any(map(covers, covered)):
        return
    if kind not in asked or (wanted and held not in wanted):
        return
    params = {"type": ",".join(dict.fromkeys(asked))} | ({"id": ",".join(wanted)} if wanted else {})
    assert matched(query(**params), source("p", *covered)) == ["p"]
