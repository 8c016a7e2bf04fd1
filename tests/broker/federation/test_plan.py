"""What each source is asked, and what is left for us. The adapters are real; nothing is asked of anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

import adapters.ngsi_ld as ngsi_ld
from adapters.contract import Services
from adapters.guard import Guard
from adapters.upstream import Upstream
from broker.federation.plan import Plan, make_plan
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from broker.registry.source import Source
from schemas.errors import ContextNotAvailable
from schemas.flow import Provider
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Coverage, Platform, ProbeResult

ALL = frozenset({"type", "id", "q", "q-iri", "geo", "attrs", "count", "limit", "idPattern", "untyped", "pages"})


async def no_context(url: str) -> Context:
    raise ContextNotAvailable("none here")


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    upstream = Upstream(Guard())
    yield Services(upstream, no_context)
    await upstream.close()


async def source(
    services: Services, name: str, verified: Iterable[str] = ALL, attributes: Iterable[str] = ()
) -> Source:
    names = frozenset(map(CORE.expand, attributes))
    probe = ProbeResult(ok=True, verified=frozenset(verified), types=(CORE.expand("T"),))
    platform = Platform(name, "ngsi_ld", "http://x", coverage=Coverage(attributes=names), probe=probe)
    adapter = await ngsi_ld.open(platform, services)
    return Source(platform, adapter, Provider(name), {}, Breaker(5, 1), Bulkhead(1))


def query(**params: str) -> EntityQuery:
    return parse_query(params, CORE)[0]


def asked(plan: Plan) -> list[str]:
    return [step.pushdown.text for step in plan.steps]


def plan(question: EntityQuery, *sources: Source, most: int = 1000) -> Plan:
    return make_plan(question, sources, max_collect=most)


async def test_the_only_source_pages_and_filters_itself(services: Services) -> None:
    made = plan(query(type="T", q="a>1", limit="7", offset="14"), await source(services, "a"))
    assert made.paged
    assert not made.residual.filters
    (step,) = made.steps
    assert (step.pushdown.request.limit, step.pushdown.request.offset) == (7, 14)
    assert "q=a%3E1" in step.pushdown.text


async def test_of_several_sources_each_gives_all_that_matches(services: Services) -> None:
    made = plan(
        query(type="T", q="a>1", limit="7", offset="14"), await source(services, "a"), await source(services, "b")
    )
    assert not made.paged
    assert [(s.pushdown.request.limit, s.pushdown.request.offset) for s in made.steps] == [(1000, 0)] * 2
    assert all("q=a" in text for text in asked(made))


async def test_sources_in_order_give_only_the_first(services: Services) -> None:
    sources = [await source(services, name, ALL | {"order"}) for name in "ab"]
    assert [s.pushdown.request.limit for s in plan(query(type="T", limit="7", offset="14"), *sources).steps] == [21, 21]
    counted = plan(query(type="T", limit="7", offset="14", count="true"), *sources)
    assert [s.pushdown.request.limit for s in counted.steps] == [1000, 1000], "a count needs them all"
    far = plan(query(type="T", limit="7", offset="1000000"), *sources)
    assert [s.pushdown.request.limit for s in far.steps] == [1000, 1000], "never more than is collected"


async def test_filters_stay_here_where_a_source_holds_parts_of_entities(services: Services) -> None:
    whole, part = await source(services, "a"), await source(services, "b", attributes=["a"])
    made = plan(
        query(type="T", q="a>1", georel="near;maxDistance==5", geometry="Point", coordinates="[1,2]"), whole, part
    )
    assert not any("q=" in text or "georel" in text for text in asked(made))
    assert (made.residual.q, made.residual.geo) == (True, True)
    assert not made.whole
    split = plan(query(type="T", q="a>1", splitEntities="true"), whole)
    assert (split.paged, split.residual.q) == (False, True)


@pytest.mark.parametrize(
    ("missing", "params", "left"),
    [
        ("q", {"q": "a>1"}, "q"),
        ("geo", {"georel": "within", "geometry": "Point", "coordinates": "[1,2]"}, "geo"),
        ("idPattern", {"idPattern": "x"}, "id_pattern"),
        ("id", {"id": "urn:x:1"}, "ids"),
        ("type", {}, "types"),
        ("attrs", {"attrs": "a"}, "projection"),
    ],
)
async def test_what_was_not_verified_is_done_here(services: Services, missing: str, params: Any, left: str) -> None:
    made = plan(query(type="T", **params), await source(services, "a", ALL - {missing}))
    assert getattr(made.residual, left) is True
    assert not made.paged
    sure = plan(query(type="T", **params), await source(services, "a"))
    assert getattr(sure.residual, left) is False
    assert sure.paged


async def test_one_source_that_is_not_believed_makes_the_filter_ours(services: Services) -> None:
    made = plan(query(type="T", q="a>1"), await source(services, "a"), await source(services, "b", ALL - {"q"}))
    assert made.residual.q
    assert ["q=" in text for text in asked(made)] == [True, False]


async def test_a_projection_does_not_hide_what_a_filter_needs(services: Services) -> None:
    made = plan(query(type="T", q="a>1", attrs="b"), await source(services, "a", ALL - {"q"}))
    assert made.residual.projection
    assert not any("attrs=" in text for text in asked(made))
    free = plan(query(type="T", attrs="b"), await source(services, "a"))
    assert any("attrs=b" in text for text in asked(free))


async def test_negation_and_times_are_not_left_to_sources_that_do_not_claim_them(services: Services) -> None:
    made = plan(query(type="T", q="!a"), await source(services, "a"))
    assert made.residual.q
    timed = plan(query(type="T", q="createdAt>2026-01-01T00:00:00Z"), await source(services, "a", ALL - {"q"}))
    assert timed.residual.q
    assert "sysAttrs" in asked(timed)[0]
    assert not timed.query.sys_attrs


async def test_a_count_from_a_source_that_has_none(services: Services) -> None:
    made = plan(query(type="T", count="true"), await source(services, "a", ALL - {"count"}))
    assert not made.paged
    assert plan(query(type="T", count="true"), await source(services, "a")).paged


async def test_a_question_that_selects_nothing_is_asked_by_type(services: Services) -> None:
    strict = await source(services, "a", ALL - {"untyped"})
    made = plan(query(idPattern="x", q="a>1", splitEntities="true"), strict)
    assert "type=" in asked(made)[0]
    assert "idPattern=x" in asked(made)[0]


async def test_no_sources(services: Services) -> None:
    made = plan(query(type="T"))
    assert made.steps == ()
