"""The shipped contract suite on the local store, and what only it can do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from adapters.contract import Adapter, AdapterModule, SourceContext
from adapters.testing.fixtures import canonical_entities, to_ngsi_ld
from adapters.testing.suite import AdapterContract
from broker.local import ordered
from broker.local.adapter import LocalModule
from broker.local.temporal import TemporalReads
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.temporal_read import EvolutionReads
from schemas.errors import SourceTooLarge
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.entity import parse_entity
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.order import parse_order
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Platform


class TestLocalContract(AdapterContract):
    kind = "local"

    @pytest.fixture
    def module(self, database: Database) -> AdapterModule:  # type: ignore[override]
        return LocalModule(Entities(database), TemporalReads(EvolutionReads(database), page=20))

    @pytest_asyncio.fixture
    async def endpoint(self, database: Database) -> AsyncIterator[str]:
        entities = [parse_entity(to_ngsi_ld(e), context=CORE) for e in canonical_entities()]
        await Entities(database).upsert_many("", entities)
        yield ""

    # no server stands behind it that could have a fault of this kind
    test_fault_becomes_an_error_of_the_tree = None
    test_probe_of_a_fault_is_a_result_in_words = None
    test_nobody_listening_is_unavailable = None
    test_credential_and_via_go_along = None
    test_nothing_is_left_running = None


# --- beyond the suite ------------------------------------------------------------------------------------------------


def entity(n: int, **members: Any) -> dict[str, Any]:
    given = {"id": f"urn:ngsi-ld:T:{n:04}", "type": "T", "n": {"type": "Property", "value": n}, **members}
    return parse_entity(given, context=CORE)


async def taken(adapter: Adapter, query: EntityQuery, seconds: float = 5.0) -> tuple[list[str], int | None]:
    pushdown = adapter.plan(query)
    assert pushdown is not None
    ids: list[str] = []
    total = None
    ctx = SourceContext(deadline=asyncio.get_running_loop().time() + seconds)
    async for page in adapter.fetch(pushdown.request, ctx):
        ids += [h.id for h in page.heads or ()]
        total = page.total if page.total is not None else total
    return ids, total


@pytest.fixture
async def store(database: Database) -> Entities:
    made = Entities(database)
    await made.upsert_many("area", [entity(n) for n in range(2300)])
    return made


@pytest.fixture
async def local(store: Entities) -> Adapter:
    module = LocalModule(store, TemporalReads(EvolutionReads(store._database), page=20))
    return await module.open(Platform("urn:x:local", "local", "", tenant="area"), None)  # type: ignore[arg-type]


async def test_filters_that_sql_does_not_have_keep_limit_offset_and_count(local: Adapter) -> None:
    query = EntityQuery(q=parse_q("n>=1000"), limit=5, offset=900, count=True)
    assert await taken(local, query) == ([f"urn:ngsi-ld:T:{n:04}" for n in range(1900, 1905)], 1300)
    ids, _ = await taken(local, query.alter(count=False, limit=1000, offset=0))
    assert ids == [f"urn:ngsi-ld:T:{n:04}" for n in range(1000, 2000)]
    assert await taken(local, EntityQuery(id_pattern="77$", limit=3)) == (
        ["urn:ngsi-ld:T:0077", "urn:ngsi-ld:T:0177", "urn:ngsi-ld:T:0277"],
        None,
    )


async def test_tenants_are_apart(store: Entities, local: Adapter) -> None:
    await store.upsert_many("other", [entity(9000)])
    assert await taken(local, EntityQuery(ids=("urn:ngsi-ld:T:9000",))) == ([], None)


async def test_geometry_is_looked_at_exactly_where_the_box_is_not_enough(store: Entities, local: Adapter) -> None:
    def at(n: int, x: float, y: float) -> dict[str, Any]:
        point = {"type": "Point", "coordinates": [x, y]}
        return entity(n, location={"type": "GeoProperty", "value": point})

    # the second stands in the box around the circle, not in the circle
    await store.upsert_many("area", [at(1, 139.7, 35.6), at(2, 139.7107, 35.6087)])
    near = parse_geo("near;maxDistance==1000", "Point", "[139.7,35.6]")
    assert await taken(local, EntityQuery(geo=near)) == (["urn:ngsi-ld:T:0001"], None)


async def test_what_has_more_values_than_keys_or_none_is_found(store: Entities, local: Adapter) -> None:
    def several(n: int, value: Any, kind: str = "Property") -> dict[str, Any]:
        return entity(n, several={"type": kind, "value": value})

    await store.upsert_many("area", [several(1, list(range(100))), several(2, 99), several(3, "x")])
    assert await taken(local, EntityQuery(q=parse_q("several==99"))) == (
        ["urn:ngsi-ld:T:0001", "urn:ngsi-ld:T:0002"],
        None,
    )
    assert (await taken(local, EntityQuery(q=parse_q("several==7"))))[0] == ["urn:ngsi-ld:T:0001"]
    by_it = EntityQuery(order=parse_order("several;desc"), limit=4)
    assert (await taken(local, by_it))[0] == [f"urn:ngsi-ld:T:{n:04}" for n in (1, 3, 2, 0)]
    await store.upsert_many("area", [several(4, {"type": "Point", "coordinates": [99, 7]}, "GeoProperty")])
    found, _ = await taken(local, EntityQuery(q=parse_q("several[coordinates]==99")))
    assert found == ["urn:ngsi-ld:T:0004"]
    assert (await taken(local, by_it))[0] == [f"urn:ngsi-ld:T:{n:04}" for n in (1, 4, 3, 2)]


async def test_what_keys_do_not_tell_is_put_in_order_up_to_a_bound(
    local: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id = EntityQuery(order=parse_order("id;desc"), limit=2)
    assert (await taken(local, by_id))[0] == ["urn:ngsi-ld:T:2299", "urn:ngsi-ld:T:2298"]
    monkeypatch.setattr(ordered, "MOST", 2000)
    with pytest.raises(SourceTooLarge):
        await taken(local, by_id)
    by_value = EntityQuery(order=parse_order("n;desc"), limit=2, offset=10)
    assert (await taken(local, by_value))[0] == ["urn:ngsi-ld:T:2289", "urn:ngsi-ld:T:2288"]


async def test_times_can_be_asked_for_without_being_shown(local: Adapter) -> None:
    ids, total = await taken(local, EntityQuery(q=parse_q("createdAt>2020-01-01T00:00:00Z"), limit=1, count=True))
    assert (ids, total) == (["urn:ngsi-ld:T:0000"], 2300)
