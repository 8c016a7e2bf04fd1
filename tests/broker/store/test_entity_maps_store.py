"""EntityMaps on a real database: kept in order, by tenant, until they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.store import entity_maps as module
from broker.store.database import Database
from broker.store.entity_maps import EntityMaps, StoredMap

HELD = [("urn:x:C", ["p1"]), ("urn:x:A", ["p1", "@none"]), ("urn:x:B", ["@none"])]


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture
def maps(database: Database) -> EntityMaps:
    return EntityMaps(database)


async def make(maps: EntityMaps, *, tenant: str = "", owner: str = "s", at: datetime | None = None) -> StoredMap:
    return await maps.create(tenant, owner, b"digest", at or soon(), HELD)


async def ids(
    maps: EntityMaps, made: StoredMap, after: int = -1, offset: int = 0, limit: int | None = None
) -> list[str]:
    return [entry.entity for entry in await maps.entries(made.id, after=after, offset=offset, limit=limit)]


async def test_a_map_keeps_its_order_and_who_holds_what(maps: EntityMaps) -> None:
    made = await make(maps)
    assert await maps.get("", made.id) == made
    found = await maps.entries(made.id)
    assert [(e.entity, list(e.sources)) for e in found] == HELD
    assert await ids(maps, made, offset=1, limit=1) == ["urn:x:A"]
    assert await ids(maps, made, after=found[0].position) == ["urn:x:A", "urn:x:B"]
    only = await maps.entries(made.id, ids=["urn:x:B", "urn:x:C", "urn:x:Z"])
    assert [e.entity for e in only] == ["urn:x:C", "urn:x:B"]
    assert (await maps.count(made.id), await maps.count(made.id, ["urn:x:B", "urn:x:Z"])) == (3, 1)


async def test_what_is_removed_leaves_the_others_in_place(maps: EntityMaps) -> None:
    made, other = await make(maps), await make(maps)
    await maps.remove(made.id, [1])
    assert await ids(maps, made) == ["urn:x:C", "urn:x:B"]
    assert await maps.count(other.id) == 3


async def test_other_tenants_have_other_maps(maps: EntityMaps) -> None:
    made = await make(maps, tenant="a")
    assert await maps.get("b", made.id) is None
    assert await maps.get("a", made.id + "\0") is None


async def test_a_map_ends(maps: EntityMaps, database: Database) -> None:
    made = await make(maps, at=soon(-1))
    assert await maps.get("", made.id) is None
    later = await make(maps)
    await maps.prolong(later.id, soon(-1))
    assert await maps.get("", later.id) is None
    await maps.sweep()
    assert await database.pool.fetchval("SELECT count(*) FROM entity_map_entries") == 0
    gone = await make(maps)
    await maps.delete(gone.id)
    assert await maps.get("", gone.id) is None
    assert await maps.entries(gone.id) == []


async def test_a_service_has_so_many_and_takes_none_of_others(
    maps: EntityMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_MAPS", 2)
    first = await make(maps, at=soon(300))
    second = await make(maps, at=soon(200))
    others = await make(maps, owner="t", at=soon(100))
    third = await make(maps, at=soon(50))
    kept = [made for made in (first, second, others, third) if await maps.get("", made.id)]
    assert kept == [first, others, third]
