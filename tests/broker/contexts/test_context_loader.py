"""Remote contexts from a real server on loopback: kept, shared, stale, missing, hostile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream
from broker.contexts.loader import ContextLoader
from schemas.errors import BadRequestData, ContextNotAvailable
from schemas.ngsi_ld.context import CORE, VOCAB, Context, core

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers by path: a JSON value, bytes, or a function; counts what it was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.accepted: list[str] = []
        self.called = asyncio.Event()
        self.release = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.called.set()
        self.accepted.append(request.headers.get("accept", ""))
        reply = self.replies.get(request.path)
        if reply is None:
            return web.Response(status=404)
        if callable(reply):
            return await reply(request)
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        return web.Response(body=body, content_type="application/ld+json", headers=self.headers)

    async def hang(self, request: web.Request) -> web.StreamResponse:
        await self.release.wait()
        return web.Response(status=500)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    server.release.set()
    await runner.cleanup()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream(Guard(LOOPBACK))
    yield upstream
    await upstream.close()


@pytest.fixture
async def loader(upstream: Upstream) -> AsyncIterator[ContextLoader]:
    loader = ContextLoader(upstream, timeout=1.0)
    yield loader
    await loader.close()


def context(**terms: Any) -> dict[str, Any]:
    return {"@context": terms}


async def test_context_is_fetched_once_and_kept(server: Server, loader: ContextLoader) -> None:
    server.replies["/c"] = context(Shelter="https://example.org/Shelter")
    got = await loader.get(server.url + "/c")
    assert got.expand("Shelter") == "https://example.org/Shelter"
    assert got.expand("value") == CORE.expand("value")
    assert got.url == server.url + "/c"
    assert await loader.get(server.url + "/c") is got
    assert await loader.build(server.url + "/c") is got
    assert server.asked == ["/c"]
    assert server.accepted[0].startswith("application/ld+json")


async def test_core_never_touches_the_network(server: Server, loader: ContextLoader) -> None:
    assert await loader.get(str(CORE.url)) is CORE
    assert await loader.build([core("1.6").url]) is core("1.6")
    assert await loader.build({}) is not None
    assert server.asked == []


async def test_references_are_followed_and_shared(server: Server, loader: ContextLoader) -> None:
    server.replies["/a/c"] = {"@context": ["../b", {"a": "https://example.org/a"}, CORE.url]}
    server.replies["/b"] = context(b="https://example.org/b")
    got = await loader.get(server.url + "/a/c")
    assert (got.expand("a"), got.expand("b")) == ("https://example.org/a", "https://example.org/b")
    mixed = await loader.build([server.url + "/b", {"x": "https://example.org/x"}])
    assert (mixed.expand("b"), mixed.expand("x")) == ("https://example.org/b", "https://example.org/x")
    assert mixed.url is None
    assert await loader.build([server.url + "/b", {"x": "https://example.org/x"}]) is mixed
    assert server.asked == ["/a/c", "/b"]


async def test_many_requests_at_once_make_one_fetch(server: Server, loader: ContextLoader) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await server.release.wait()
        return web.json_response(context(a="https://example.org/a"))

    server.replies["/c"] = slow
    waiting = [asyncio.create_task(loader.get(server.url + "/c")) for _ in range(20)]
    await server.called.wait()
    waiting[0].cancel()
    server.release.set()
    got = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(got[0], asyncio.CancelledError)
    assert len({id(each) for each in got[1:]}) == 1
    assert isinstance(got[1], Context)
    assert server.asked == ["/c"]


async def test_hung_server_costs_its_time_out_once(server: Server, upstream: Upstream) -> None:
    loader = ContextLoader(upstream, timeout=0.3, retry=60.0)
    server.replies["/hung"] = server.hang
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(ContextNotAvailable, match="time"):
        await loader.get(server.url + "/hung")
    assert loop.time() - began > 0.25
    for _ in range(50):
        with pytest.raises(ContextNotAvailable) as caught:
            await loader.get(server.url + "/hung")
    assert server.asked == ["/hung"]
    assert caught.value.field == "@context"
    assert caught.value.value == server.url + "/hung"
    await loader.close()


async def test_whole_time_is_bounded_however_many_documents_there_are(server: Server, upstream: Upstream) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.15)
        return web.json_response({"@context": f"{request.path}x"})

    for n in range(15):
        server.replies["/" + "x" * n] = slow
    loader = ContextLoader(upstream, timeout=0.4)
    with pytest.raises(ContextNotAvailable):
        await loader.get(server.url + "/")
    # each document takes 0.15 s, so the fourth can't be had; without a common deadline all 15 would be asked for
    assert len(server.asked) <= 4
    await loader.close()


async def test_a_failure_is_forgotten_after_a_while(server: Server, upstream: Upstream) -> None:
    loader = ContextLoader(upstream, retry=0.05)
    with pytest.raises(ContextNotAvailable, match="404"):
        await loader.get(server.url + "/c")
    server.replies["/c"] = context(a="https://example.org/a")
    await asyncio.sleep(0.06)
    assert (await loader.get(server.url + "/c")).expand("a") == "https://example.org/a"
    await loader.close()


async def test_freshness_ends_and_a_failing_server_leaves_the_old_context(server: Server, upstream: Upstream) -> None:
    loader = ContextLoader(upstream, least=0.05, retry_kept=0.05)
    server.headers = {"Cache-Control": "max-age=0"}
    server.replies["/c"] = context(a="https://example.org/1")
    assert (await loader.get(server.url + "/c")).expand("a") == "https://example.org/1"
    await asyncio.sleep(0.06)
    server.replies["/c"] = context(a="https://example.org/2")
    assert (await loader.get(server.url + "/c")).expand("a") == "https://example.org/2"
    await asyncio.sleep(0.06)
    for broken in (b"{", b"[]", None):
        server.replies["/c"] = broken
        asked = len(server.asked)
        assert (await loader.get(server.url + "/c")).expand("a") == "https://example.org/2"
        assert len(server.asked) == asked + 1
        await asyncio.sleep(0.06)
    server.replies["/c"] = context(a="https://example.org/3")
    assert (await loader.get(server.url + "/c")).expand("a") == "https://example.org/3"
    await loader.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "@context member"),
        (b'{"context": {}}', "@context member"),
        (b'"x"', "@context member"),
    ],
)
async def test_what_is_no_context_is_bad_request_data(
    server: Server, loader: ContextLoader, body: bytes, words: str
) -> None:
    server.replies["/c"] = body
    for _ in range(2):
        with pytest.raises(BadRequestData) as caught:
            await loader.get(server.url + "/c")
        assert words in caught.value.detail
        assert caught.value.value == server.url + "/c"
    assert server.asked == ["/c"]


async def test_what_is_too_large_is_not_available(server: Server, loader: ContextLoader) -> None:
    server.replies["/c"] = b" " * 1_000_001
    with pytest.raises(ContextNotAvailable, match="bytes"):
        await loader.get(server.url + "/c")


async def test_byte_order_mark_is_no_fault(server: Server, loader: ContextLoader) -> None:
    server.replies["/c"] = b'\xef\xbb\xbf{"@context": {"a": "https://example.org/a"}}'
    assert (await loader.get(server.url + "/c")).expand("a") == "https://example.org/a"


async def test_redirects_and_addresses_beyond_ascii(server: Server, loader: ContextLoader) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/there")

    server.replies["/文脈"] = moved
    server.replies["/there"] = context(a="https://example.org/a")
    assert (await loader.get(server.url + "/文脈")).expand("a") == "https://example.org/a"
    assert server.asked == ["/文脈", "/there"]


async def test_redirects_without_end(server: Server, loader: ContextLoader) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(request.path + "x")

    for n in range(10):
        server.replies["/" + "x" * n] = moved
    with pytest.raises(ContextNotAvailable, match="302"):
        await loader.get(server.url + "/")
    assert len(server.asked) == 4


async def test_invalid_content_is_the_fault_of_the_request(server: Server, loader: ContextLoader) -> None:
    server.replies["/scoped"] = context(a={"@id": "urn:a", "@context": {"value": "urn:evil"}})
    server.replies["/one"] = {"@context": "two"}
    server.replies["/two"] = {"@context": "one"}
    server.replies["/file"] = {"@context": "file:///etc/passwd"}
    for path in ("/scoped", "/one", "/file"):
        with pytest.raises(BadRequestData) as caught:
            await loader.get(server.url + path)
        assert caught.value.field == "@context"


async def test_too_many_documents_are_not_fetched(server: Server, loader: ContextLoader) -> None:
    server.replies["/c"] = {"@context": [f"/d{n}" for n in range(50)]}
    with pytest.raises(BadRequestData):
        await loader.get(server.url + "/c")
    assert server.asked == ["/c"]


@pytest.mark.parametrize("url", ["", "x", "file:///etc/passwd", "http://[", "ftp://127.0.0.1/c", "https://", "a" * 64])
async def test_what_is_no_url_is_bad_request_data(loader: ContextLoader, url: str) -> None:
    with pytest.raises(BadRequestData):
        await loader.get(url)


@pytest.mark.parametrize("value", [5, True, [[{}]], [5], {"a": 5}])
async def test_what_is_no_context_value_is_bad_request_data(loader: ContextLoader, value: Any) -> None:
    with pytest.raises(BadRequestData):
        await loader.build(value)


async def test_deep_value_is_bad_request_data(loader: ContextLoader) -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(BadRequestData):
        await loader.build(deep)


async def test_guard_stands_before_contexts_too(server: Server) -> None:
    upstream = Upstream(Guard())
    server.replies["/c"] = context(a="https://example.org/a")
    with pytest.raises(ContextNotAvailable, match="private network"):
        await ContextLoader(upstream).get(server.url + "/c")
    assert server.asked == []
    await upstream.close()


async def test_nobody_listening(loader: ContextLoader, unused_tcp_port: int) -> None:
    with pytest.raises(ContextNotAvailable, match="refused"):
        await loader.get(f"http://127.0.0.1:{unused_tcp_port}/c")


async def test_large_context_does_not_hold_up_the_loop(server: Server, loader: ContextLoader) -> None:
    server.replies["/c"] = context(**{f"t{n}": {"@id": f"https://example.org/{n}"} for n in range(4000)})
    got = await loader.get(server.url + "/c")
    assert got.expand("t3999") == "https://example.org/3999"
    assert got.expand("t4000") == VOCAB + "t4000"


async def test_close_ends_what_is_under_way(server: Server, loader: ContextLoader) -> None:
    server.replies["/hung"] = server.hang
    waiting = asyncio.create_task(loader.get(server.url + "/hung"))
    await server.called.wait()
    await loader.close()
    with pytest.raises((asyncio.CancelledError, ContextNotAvailable)):
        await waiting
