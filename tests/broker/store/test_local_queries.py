"""What the local store gives by keys and SQL, against evaluators and order in memory over the same entities."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson
import pytest
from entity_strategies import OWN, entities, queries, scope_queries, scopes
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.contract import SourceContext
from broker.local.adapter import LocalAdapter
from broker.local.ask import outward
from broker.local.temporal import TemporalReads
from broker.store import entity_lookup, entity_order
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.temporal_read import EvolutionReads
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.order import parse_order
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.rename import expand_entity
from schemas.ngsi_ld.scope import parse_scope_query
from schemas.ngsi_ld.types import parse_type_selection

TYPES = ("T", "U", ["T", "U"])


class House:
    """A store for tests that are not asynchronous themselves, as hypothesis wants them; a tenant for each example."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._database = self._runner.run(Database.open(url))
        self.entities = Entities(self._database)
        self._tenants = count()
        self.tenant = ""

    def fill(self, given: list[dict[str, Any]]) -> None:
        self.tenant = f"t{next(self._tenants)}"
        self._runner.run(self.entities.upsert_many(self.tenant, given))

    def all(self, context: Context, *, sys_attrs: bool = False) -> list[dict[str, Any]]:
        rows = self._runner.run(self.entities.query(self.tenant))
        return [outward(row, context, sys_attrs=sys_attrs) for row in rows]

    def page(self, query: EntityQuery) -> tuple[list[dict[str, Any]], int | None]:
        return self._runner.run(self._page(query))

    async def _page(self, query: EntityQuery) -> tuple[list[dict[str, Any]], int | None]:
        adapter = LocalAdapter(self.entities, TemporalReads(EvolutionReads(self._database), page=20), self.tenant)
        plan = adapter.plan(query)
        assert plan is not None
        ctx = SourceContext(deadline=asyncio.get_running_loop().time() + 60)
        found, total = [], None
        async for page in adapter.fetch(plan.request, ctx):
            found += orjson.loads(page.raw) if page.raw is not None else page.entities or []
            total = page.total if page.total is not None else total
        return found, total

    def close(self) -> None:
        self._runner.run(self._database.close())
        self._runner.close()


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    made = House(database_url)
    yield made
    made.close()


@st.composite
def stores(draw: st.DrawFn) -> list[dict[str, Any]]:
    """In terms of a context, told apart by id."""
    given = draw(st.lists(entities, min_size=1, max_size=12))
    for n, entity in enumerate(given):
        entity["id"], entity["type"] = f"urn:x:{n:02}", draw(st.sampled_from(TYPES))
        if draw(st.booleans()):
            entity["scope"] = draw(st.lists(scopes, min_size=1, max_size=2))
    return given


selections = st.one_of(st.none(), st.sampled_from(("T", "U", "T,U", "T;U", "V")).map(parse_type_selection))
pages = st.tuples(st.integers(0, 3), st.integers(1, 5))
slow = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("many", [entity_lookup.MANY, 3])
@slow
@given(stores(), queries, selections, pages, st.sampled_from((CORE, OWN)), st.sampled_from((CORE, OWN)))
@example(
    [{"id": f"urn:x:{n:02}", "type": "T", "a": {"type": "Property", "value": n % 3}} for n in range(12)],
    "a>=1;a<2",
    parse_type_selection("T"),
    (1, 2),
    CORE,
    CORE,
)
def test_q_finds_what_the_evaluator_takes(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    many: int,
    given_: list[dict[str, Any]],
    text: str,
    types: Any,
    page: tuple[int, int],
    written: Context,
    asked: Context,
) -> None:
    monkeypatch.setattr(entity_lookup, "MANY", many)
    house.fill([expand_entity(entity, written) for entity in given_])
    query = parse_q(text, context=asked)
    offset, limit = page
    wanted = [
        entity
        for entity in house.all(asked)
        if query.matches(entity) and (types is None or types.rename(asked.canonical).matches(_types(entity)))
    ]
    question = EntityQuery(
        context=asked,
        q=query,
        types=None if types is None else types.rename(asked.canonical),
        offset=offset,
        limit=limit,
    )
    assert house.page(question) == (wanted[offset : offset + limit], None)
    assert house.page(question.alter(count=True))[1] == len(wanted)


@slow
@given(stores(), scope_queries)
def test_scopes_are_found_as_the_evaluator_takes_them(house: House, given_: list[dict[str, Any]], text: str) -> None:
    house.fill([expand_entity(entity, CORE) for entity in given_])
    query = parse_scope_query(text)
    wanted = [entity for entity in house.all(CORE) if query.matches(entity.get("scope"))]
    assert house.page(EntityQuery(scope=query, limit=50))[0] == wanted


ORDERS = (
    *(f"{name}{way}" for name in ("a", "b", "a.b", "a.observedAt") for way in ("", ";desc")),
    "b,a;desc",
    "a;desc,b",
    "createdAt",
    "modifiedAt;desc,a",
    "a[m]",
    "type",
    "id;desc",
    "日本",
)
orders = st.tuples(st.sampled_from(ORDERS), st.sampled_from((None, "und-u-ks-level1")))


@pytest.mark.parametrize("few", [entity_order._FEW, 2])
@slow
@given(stores(), orders, st.one_of(st.none(), queries), selections, pages, st.sampled_from((CORE, OWN)))
def test_pages_are_those_of_the_order_in_memory(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    given_: list[dict[str, Any]],
    by: tuple[str, str | None],
    text: str | None,
    types: Any,
    page: tuple[int, int],
    asked: Context,
) -> None:
    monkeypatch.setattr(entity_order, "_FEW", few)
    house.fill([expand_entity(entity, OWN) for entity in given_])
    order = parse_order(by[0], context=asked, collation=by[1])
    query = None if text is None else parse_q(text, context=asked)
    types = None if types is None else types.rename(asked.canonical)
    offset, limit = page
    taken = [
        entity
        for entity in house.all(asked, sys_attrs=True)
        if (query is None or query.matches(entity)) and (types is None or types.matches(_types(entity)))
    ]
    question = EntityQuery(context=asked, q=query, types=types, order=order, offset=offset, limit=limit, sys_attrs=True)
    assert house.page(question) == (order.sort(taken)[offset : offset + limit], None)
    assert house.page(question.alter(count=True))[1] == len(taken)


def _types(entity: dict[str, Any]) -> list[str]:
    given = entity["type"]
    return [given] if isinstance(given, str) else list(given)
