"""Stored @contexts and the names of tenants, on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from broker.store import contexts as module
from broker.store.contexts import Contexts, Kind
from broker.store.database import Database
from broker.store.tenants import TenantNames
from schemas.errors import BadRequestData, OperationNotSupported

BODY = b'{"@context": {"a": "https://example.org/a"}}'
EXPIRY = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def contexts(database: Database) -> Contexts:
    return Contexts(database)


async def bumps(database: Database, name: str) -> int:
    return int(await database.pool.fetchval("SELECT coalesce(max(version), 0) FROM changes WHERE name = $1", name))


async def test_what_is_hosted_is_served_as_it_was_given(contexts: Contexts) -> None:
    name = await contexts.host("", BODY)
    found = await contexts.get(name)
    assert found is not None
    assert (found.kind, found.body, found.url, found.hits, found.tenant) == (Kind.HOSTED, BODY, None, 0, "")
    assert await contexts.host("", BODY) != name
    assert await contexts.get("urn:ngsi-ld:Context:" + "0" * 32) is None
    assert await contexts.get("\0") is None


async def test_an_implied_one_has_one_address_for_a_tenant(contexts: Contexts) -> None:
    names = await asyncio.gather(*(contexts.imply("t", b"d" * 32, BODY) for _ in range(10)))
    assert len(set(names)) == 1
    assert await contexts.imply("u", b"d" * 32, BODY) != names[0]
    assert await contexts.imply("t", b"e" * 32, BODY) != names[0]


async def test_a_tenant_sees_its_own_and_the_cached_ones(contexts: Contexts) -> None:
    await contexts.introduce(["https://example.org/core"])
    own = [await contexts.host("t", BODY), await contexts.imply("t", b"d", BODY)]
    await contexts.host("u", BODY)
    seen = await contexts.all("t")
    assert sorted(row.url or row.id for row in seen) == sorted([*own, "https://example.org/core"])
    assert all(row.body is None for row in seen)
    assert [row.id for row in await contexts.all("t", Kind.HOSTED)] == own[:1]
    assert [row.kind for row in await contexts.all("", Kind.CACHED)] == [Kind.CACHED]
    assert await contexts.all("\0") == []


async def test_uses_add_up_and_make_entries_for_what_was_fetched(contexts: Contexts) -> None:
    url = "https://example.org/c"
    name = await contexts.host("", BODY)
    first = await contexts.used({url: 2}, {name: 3}, {url: EXPIRY}, ())
    await asyncio.gather(*(contexts.used({url: 1, url + "2": 1}, {name: 1}, {}, ()) for _ in range(8)))
    cached, hosted = await contexts.get(url), await contexts.get(name)
    assert cached is not None
    assert hosted is not None
    assert (cached.kind, cached.hits, cached.expires_at, cached.version) == (Kind.CACHED, 10, EXPIRY, first[url])
    assert hosted.hits == 11
    assert hosted.last_usage is not None
    unkeepable = {"https://example.org/\0": 1, "https://example.org/" + "x" * 3000: 1}
    assert await contexts.used(unkeepable, {"urn:ngsi-ld:Context:gone": 1}, {}, ()) == {}


async def test_only_deleting_and_reloading_are_told(contexts: Contexts, database: Database) -> None:
    url = "https://example.org/c"
    name = await contexts.host("", BODY)
    version = (await contexts.used({url: 1}, {}, {}, ()))[url]
    cached = await contexts.get(url)
    assert cached is not None
    assert await bumps(database, module.FEED) == 0
    newer = await contexts.reloaded(cached.id, EXPIRY)
    assert newer is not None
    assert newer > version
    assert await bumps(database, module.FEED) == 1
    assert await contexts.versions([url, name, "https://example.org/none"]) == {
        url: newer,
        cached.id: newer,
        name: (await contexts.versions([name]))[name],
    }
    assert await contexts.delete(name)
    assert not await contexts.delete(name)
    assert await bumps(database, module.FEED) == 2
    assert await contexts.reloaded(name, None) is None
    assert await contexts.get(name) is None


async def test_what_was_used_longest_ago_makes_room(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHED", 3)
    monkeypatch.setattr(module, "MAX_IMPLICIT", 2)
    monkeypatch.setattr(module, "MAX_HOSTED", 2)
    await contexts.introduce(["https://example.org/core"])
    for n in range(5):
        await contexts.used({f"https://example.org/{n}": 1}, {}, {}, ["https://example.org/core"])
        await contexts.imply("", bytes([n]), BODY)
        await asyncio.sleep(0.002)
    left = [row.url for row in await contexts.all("", Kind.CACHED)]
    assert left == ["https://example.org/core", *(f"https://example.org/{n}" for n in (2, 3, 4))]
    assert len(await contexts.all("", Kind.IMPLICIT)) == 2
    await contexts.host("", BODY)
    await contexts.host("t", BODY)
    with pytest.raises(OperationNotSupported):
        await contexts.host("", BODY)


async def test_a_tenant_is_told_once(database: Database) -> None:
    tenants = TenantNames(database)
    assert await tenants.all() == frozenset()
    await asyncio.gather(*(tenants.add("t") for _ in range(5)))
    await tenants.add("u")
    assert await tenants.all() == {"t", "u"}
    assert await bumps(database, "tenants") == 2
    with pytest.raises(BadRequestData):
        await tenants.add("x" * 3000)
