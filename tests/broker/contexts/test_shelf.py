"""The loader with a shelf of its own: hosted documents, counted uses, and what another process has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream
from broker.contexts import shelf as shelf_module
from broker.contexts.loader import ContextLoader
from broker.contexts.shelf import PATH, Shelf, own_id
from broker.store.contexts import Contexts, Kind
from broker.store.database import Database
from schemas.errors import ContextNotAvailable
from schemas.ngsi_ld.context import CORE, build

BASE = "http://gateway.example"


class Origin:
    """A server of one @context, at `url`."""

    def __init__(self) -> None:
        self.body: bytes | None = b'{"@context": {"a": "https://example.org/1"}}'
        self.asked = 0
        self.url = ""

    async def handle(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=404) if self.body is None else web.Response(body=self.body)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    origin = Origin()
    app = web.Application()
    app.router.add_get("/{path:.*}", origin.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin.url = f"http://127.0.0.1:{runner.addresses[0][1]}/c.jsonld"
    yield origin
    await runner.cleanup()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream(Guard(LOOPBACK))
    yield upstream
    await upstream.close()


@pytest.fixture
def store(database: Database) -> Contexts:
    return Contexts(database)


@pytest.fixture
async def loader(upstream: Upstream, store: Contexts) -> AsyncIterator[ContextLoader]:
    loader = ContextLoader(upstream, Shelf(store), timeout=1.0)
    yield loader
    await loader.close()


@pytest.fixture
async def other(upstream: Upstream, store: Contexts) -> AsyncIterator[ContextLoader]:
    """Another process on the same database."""
    loader = ContextLoader(upstream, Shelf(store), timeout=1.0)
    yield loader
    await loader.close()


def document(**terms: str) -> bytes:
    return orjson.dumps({"@context": terms})


async def uses(store: Contexts, name: str) -> int:
    found = await store.get(name)
    return -1 if found is None else found.hits


async def test_a_hosted_one_is_read_from_the_shelf_under_any_host(loader: ContextLoader, store: Contexts) -> None:
    name = await store.host("t", document(a="https://example.org/a"))
    for host in ("http://127.0.0.1:9", "https://proxy.example/city"):
        assert (await loader.get(host + PATH + name)).expand("a") == "https://example.org/a"
    compound = await loader.build([BASE + PATH + name, {"b": "https://example.org/b"}])
    assert [compound.expand(n) for n in "ab"] == ["https://example.org/a", "https://example.org/b"]


async def test_one_that_is_not_on_the_shelf_is_not_available(loader: ContextLoader) -> None:
    with pytest.raises(ContextNotAvailable):
        await loader.get("http://127.0.0.1:9" + PATH + "urn:ngsi-ld:Context:" + "0" * 32)


async def test_every_use_counts(loader: ContextLoader, store: Contexts, origin: Origin) -> None:
    name = await store.host("", orjson.dumps({"@context": [origin.url]}))
    for _ in range(3):
        await loader.get(origin.url)
    await loader.get(BASE + PATH + name)
    await loader.flush()
    assert await uses(store, origin.url) == 4
    assert await uses(store, name) == 1
    cached = await store.get(origin.url)
    assert cached is not None
    assert cached.expires_at is not None
    await loader.flush()
    assert await uses(store, origin.url) == 4
    assert origin.asked == 1


async def test_a_flush_waits_for_the_one_under_way(loader: ContextLoader, store: Contexts, origin: Origin) -> None:
    await loader.get(origin.url)
    first = asyncio.create_task(loader.flush())
    await asyncio.sleep(0)
    await loader.flush()
    assert await uses(store, origin.url) == 1
    await first


async def test_uses_outlive_a_database_that_is_away(upstream: Upstream, database_url: str, origin: Origin) -> None:
    gone = await Database.open(database_url, max_size=1)
    shelf = Shelf(Contexts(gone))
    loader = ContextLoader(upstream, shelf)
    await loader.get(origin.url)
    await gone.close()
    with pytest.raises(Exception, match="database"):
        await loader.flush()
    back = await Database.open(database_url, max_size=1)
    shelf.store = Contexts(back)
    await loader.get(origin.url)
    await loader.flush()
    assert await uses(shelf.store, origin.url) == 2
    await loader.close()
    await back.close()


async def test_what_another_process_deleted_is_forgotten(
    loader: ContextLoader, other: ContextLoader, store: Contexts, origin: Origin
) -> None:
    name = await store.host("", document(a="https://example.org/a"))
    kept = await store.host("", document(a="https://example.org/kept"))
    for each in (loader, other):
        await each.get(BASE + PATH + name)
        await each.build([origin.url, BASE + PATH + kept])
        await each.flush()
    assert origin.asked == 2
    await store.delete(name)
    cached = await store.get(origin.url)
    assert cached is not None
    await store.delete(cached.id)
    await other.refresh()
    assert other.kept() == [BASE + PATH + kept]
    with pytest.raises(ContextNotAvailable):
        await other.get("http://127.0.0.1:9" + PATH + name)
    await other.build([origin.url, BASE + PATH + kept])
    assert origin.asked == 3


async def test_what_another_process_reloaded_is_fetched_anew(
    loader: ContextLoader, other: ContextLoader, store: Contexts, origin: Origin
) -> None:
    for each in (loader, other):
        assert (await each.get(origin.url)).expand("a") == "https://example.org/1"
        await each.flush()
    origin.body = document(a="https://example.org/2")
    cached = await store.get(origin.url)
    assert cached is not None
    assert await loader.reload(origin.url) > 0
    await store.reloaded(cached.id, None)
    assert (await loader.get(origin.url)).expand("a") == "https://example.org/2"
    assert (await other.get(origin.url)).expand("a") == "https://example.org/1"
    await other.refresh()
    assert (await other.get(origin.url)).expand("a") == "https://example.org/2"


@pytest.mark.parametrize("broken", [None, b"<html>", b"[]"])
async def test_a_reload_that_fails_leaves_the_old_one(
    loader: ContextLoader, origin: Origin, broken: bytes | None
) -> None:
    await loader.get(origin.url)
    origin.body = broken
    with pytest.raises(ContextNotAvailable):
        await loader.reload(origin.url)
    assert (await loader.get(origin.url)).expand("a") == "https://example.org/1"


async def test_an_inline_one_gets_an_address_that_resolves_to_the_same(
    loader: ContextLoader, other: ContextLoader, store: Contexts
) -> None:
    value: Any = [{"a": "https://example.org/a"}, {"b": {"@id": "https://example.org/b", "@type": "@id"}}]
    inline = build(value, {})
    addressed = await loader.addressed(inline, "t", BASE)
    assert addressed.url is not None
    assert addressed.url.startswith(BASE + PATH)
    assert await loader.addressed(inline, "t", BASE) is addressed
    assert (await other.addressed(build(value, {}), "t", BASE)).url == addressed.url
    assert (await other.get(addressed.url)).key == inline.key
    assert [row.kind for row in await store.all("t")] == [Kind.IMPLICIT]
    assert await loader.addressed(CORE, "t", BASE) is CORE


async def test_an_address_in_use_stays_and_one_that_is_gone_comes_back(
    loader: ContextLoader, store: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "_SURE_SECONDS", 0.2)
    inline = build({"a": "https://example.org/a"}, {})
    first = await loader.addressed(inline, "", BASE)
    name = own_id(str(first.url))
    assert name is not None
    assert await loader.addressed(inline, "", BASE) is first
    await loader.flush()
    assert await uses(store, name) == 1
    await asyncio.sleep(0.25)
    assert await loader.addressed(inline, "", BASE) is first
    await store.delete(name)
    await asyncio.sleep(0.25)
    again = await loader.addressed(inline, "", BASE)
    assert again.url != first.url
    assert await store.get(str(own_id(str(again.url)))) is not None


@given(st.text(max_size=80), st.sampled_from(["", "http://", "https://x", "https://x" + PATH]))
def test_own_id_takes_nothing_else(text: str, prefix: str) -> None:
    name = "urn:ngsi-ld:Context:0123456789abcdef0123456789abcdef"
    assert own_id(prefix + text) is None or text.endswith(name)
    assert own_id(f"https://x{PATH}{name}") == own_id(name) == name
    assert own_id(f"https://x{PATH}{name}?{text}") is None
