"""Narrowing against an oracle: whatever is asked, a narrowed source tells as much as one that never had the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Page, SourceContext
from adapters.exchange import Access
from adapters.query_memory import EntityTable, plan_in_memory
from broker.federation.agreed import Agreed
from broker.federation.engine import federate
from broker.federation.execute import Limits
from broker.federation.plan import make_plan
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from broker.registry.source import Source
from schemas.capability import Capabilities
from schemas.flow import Provider
from schemas.narrowing import Clause, area_of, visible
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.params import parse_query
from schemas.platform import Platform

WEST = {"type": "Polygon", "coordinates": [[[139.0, 35.0], [139.5, 35.0], [139.5, 36.0], [139.0, 36.0], [139.0, 35.0]]]}
TYPES, ATTRIBUTES = ("Shelter", "Camera", "River"), ("a", "b", "location")


class Memory:
    """A platform that does everything that it is asked, and keeps what that was."""

    capabilities = Capabilities(by_id=True, by_type=True, count=True, ordered_by_id=True)

    def __init__(self, entities: list[dict[str, Any]]) -> None:
        self.table = EntityTable(entities)
        self.asked: list[Any] = []

    def plan(self, query: Any) -> Any:
        return plan_in_memory(query, "memory")

    async def fetch(self, request: Any, ctx: SourceContext) -> Any:
        self.asked.append(request)
        page: Page = self.table.page(request)
        yield page


def source(adapter: Any) -> Source:
    platform = Platform("p", "memory", "http://x")
    return Source(platform, adapter, Provider("p"), Access(), Breaker(5, 1), Bulkhead(4))


@st.composite
def entities(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for n in range(draw(st.integers(0, 8))):
        entity: dict[str, Any] = {"id": f"urn:x:{n}", "type": draw(st.sampled_from(TYPES))}
        for name in ("a", "b"):
            if draw(st.booleans()):
                entity[name] = {"type": "Property", "value": draw(st.integers(0, 3))}
        if draw(st.booleans()):
            point = {"type": "Point", "coordinates": [draw(st.sampled_from([139.2, 139.7])), 35.5]}
            entity["location"] = {"type": "GeoProperty", "value": point}
        made.append(entity)
    return made


def iris(names: tuple[str, ...]) -> Any:
    return st.frozensets(st.sampled_from([CORE.expand(n) for n in names]))


CLAUSES = st.builds(
    Clause,
    agreement=st.just("x"),
    types=iris(TYPES),
    attributes=iris(ATTRIBUTES),
    area=st.sampled_from([None, area_of(WEST)]),
)
GEO = {"georel": "near;maxDistance==9000", "geometry": "Point", "coordinates": "[139.2,35.5]"}
BOX = {
    "georel": "within",
    "geometry": "Polygon",
    "coordinates": "[[[139.1,35],[140,35],[140,36],[139.1,36],[139.1,35]]]",
}
QUESTIONS = st.fixed_dictionaries(
    {"limit": st.sampled_from(["2", "100"]), "offset": st.sampled_from(["0", "1"]), "count": st.just("true")},
    optional={
        "type": st.sampled_from(["Shelter", "Shelter,Camera", "River"]),
        "q": st.sampled_from(["a==1", "b>=1", "!a", "a|b", "a;b<2", "!b;a"]),
        "attrs": st.sampled_from(["a", "a,b"]),
        "pick": st.sampled_from(["a", "id,b", "a,location", "type"]),
        "omit": st.sampled_from(["a", "b,location"]),
        "orderBy": st.sampled_from(["a", "b;desc"]),
        "id": st.sampled_from(["urn:x:1", "urn:x:0,urn:x:3"]),
    },
)


def asked(params: dict[str, str], place: dict[str, str]) -> Any:
    given = params | place
    for name in ("attrs", "omit") if "pick" in given else ("omit",) if "attrs" in given else ():
        given.pop(name, None)
    return parse_query(given | {"local": "true"}, CORE)[0].alter(local=False)


async def answer(query: Any, adapter: Any) -> tuple[list[Any], int | None]:
    result = await federate(query, [source(adapter)], Limits(5, 10**8, "r", ""), build=True, max_collect=1000)
    rows = result.entities or []
    picked = set(query.pick) or None
    return [(e["id"], sorted(set(e) & picked if picked else set(e))) for e in rows], result.count


@settings(max_examples=120, deadline=None)
@given(entities(), CLAUSES, QUESTIONS, st.sampled_from([{}, {}, GEO, BOX]))
def test_a_narrowed_source_is_one_that_never_had_the_rest(
    held: list[dict[str, Any]], clause: Clause, params: dict[str, str], place: dict[str, str]
) -> None:
    query = asked(params, place)
    behind = Memory(held)
    never_had = Memory([e for e in (visible(e, clause, CORE) for e in held) if e is not None])

    async def both() -> None:
        narrowed, count = await answer(query, Agreed(behind, (clause,)))
        expected, expected_count = await answer(query, never_had)
        if query.omit or query.attrs:
            narrowed, expected = [(i, []) for i, _ in narrowed], [(i, []) for i, _ in expected]
        assert narrowed == expected
        assert count == expected_count

    asyncio.run(both())
    for request in behind.asked:
        if clause.types:
            assert request.types is not None
            assert {CORE.expand(n) for n in request.types.names} <= clause.types
        if clause.attributes:
            needed = clause.attributes | ({CORE.expand("location")} if clause.area else set())
            assert request.attrs
            assert set(map(CORE.expand, request.attrs)) <= needed
            assert request.q is None or set(map(CORE.expand, request.q.attributes)) <= clause.attributes
        if clause.area is not None:
            assert request.geo is not None
            assert clause.area.shape.covers(request.geo.shape)


@settings(max_examples=60, deadline=None)
@given(entities(), st.lists(CLAUSES, min_size=2, max_size=3), QUESTIONS)
def test_several_rights_show_what_any_of_them_shows_and_no_more(
    held: list[dict[str, Any]], clauses: list[Clause], params: dict[str, str]
) -> None:
    query = asked({k: v for k, v in params.items() if k in ("limit", "type")} | {"limit": "100"}, {})

    async def seen() -> list[Any]:
        return (await answer(query, Agreed(Memory(held), tuple(clauses))))[0]

    expected: dict[str, set[str]] = {}
    for entity in held:
        if query.types is not None and entity["type"] not in query.types.names:
            continue
        for clause in clauses:
            shown = visible(entity, clause, CORE)
            if shown is not None:
                expected.setdefault(entity["id"], set()).update(shown)
    assert asyncio.run(seen()) == [(i, sorted(names)) for i, names in sorted(expected.items())]


@pytest.mark.parametrize("whole", [Clause(), Clause("x")])
def test_a_right_that_keeps_nothing_back_plans_as_if_it_were_not_there(whole: Clause) -> None:
    query = asked({"type": "Shelter", "q": "a==1"}, {})
    plain, bare = Memory([]), Memory([])
    with_right = make_plan(query, [source(Agreed(plain, (whole,)))], max_collect=10)
    without_it = make_plan(query, [source(bare)], max_collect=10)
    assert (with_right.paged, with_right.residual) == (without_it.paged, without_it.residual)
