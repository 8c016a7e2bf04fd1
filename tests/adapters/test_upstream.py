"""The HTTP port on real sockets: what goes out, and which connections are kept."""

from __future__ import annotations

import asyncio

import pytest
from scripted import Scripted, plain, serving, soon

from adapters.exchange import Access
from adapters.upstream import Upstream
from schemas.errors import (
    Refused,
    Unavailable,
)

# --- what goes out ---------------------------------------------------------------------------------------------------


async def test_a_request_as_it_goes_out(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"ok"))) as server:
        ctx = soon(access=Access({"authorization": "Bearer x"}), via="1.1 me", request_id="r-1")
        answer = await upstream.request("GET", server.url + "/a%20b?c=d", ctx=ctx, headers={"accept": "text/plain"})
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"ok", "2")
        assert (ctx.received, ctx.budget) == (2, 64 * 1024 * 1024 - 2)
        first, *lines = server.heads[0][0].removesuffix("\r\n\r\n").split("\r\n")
        assert first == "GET /a%20b?c=d HTTP/1.1"
        assert dict(line.split(": ", 1) for line in lines) == {
            "host": server.url.removeprefix("http://"),
            "user-agent": "kakehashi",
            "accept-encoding": "identity",
            "accept": "text/plain",
            "authorization": "Bearer x",
            "Via": "1.1 me",
            "x-request-id": "r-1",
        }


async def test_a_body_goes_with_its_length(upstream: Upstream) -> None:
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readexactly(5))
        writer.write(plain(b""))
        await writer.drain()

    async with serving(Scripted(talk)) as server:
        await upstream.request("POST", server.url + "/", ctx=soon(), body=b"hello")
        assert got == [b"hello"]
        assert "content-length: 5\r\n" in server.heads[0][0]


async def test_an_address_without_a_path(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b""))) as server:
        await upstream.request("GET", server.url, ctx=soon())
        assert server.heads[0][0].startswith("GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a b",
        "http://127.0.0.1:1/\r\nx: y",
        "http://127.0.0.1:1/é",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://u:p@127.0.0.1/",
        "http:///x",
        "http://[::1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://127.0.0.1?x",
        "nonsense",
        "",
    ],
)
async def test_what_is_no_address_is_refused(upstream: Upstream, url: str) -> None:
    with pytest.raises(Refused):
        await upstream.request("GET", url, ctx=soon())


@pytest.mark.parametrize(
    ("name", "value"), [("x", "a\r\nb: c"), ("x", "a\nb"), ("x\r\ny", "a"), ("x y", "a"), ("", "a"), ("x", "日本")]
)
async def test_headers_cannot_be_smuggled_in(upstream: Upstream, name: str, value: str) -> None:
    async with serving(Scripted(None, plain(b""))) as server:
        for fields in ({"headers": {name: value}}, {"ctx": soon(access=Access({name: value}))}):
            with pytest.raises(Refused):
                await upstream.request("GET", server.url + "/", **({"ctx": soon()} | fields))
        assert server.heads == []


# --- connections that are kept ---------------------------------------------------------------------------------------


async def test_a_connection_is_used_again(upstream: Upstream) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
    async with serving(
        Scripted(None, plain(b"1"), chunked, plain(b"", status="204 No Content"), plain(b"4"))
    ) as server:
        bodies = [(await upstream.request("GET", server.url + "/", ctx=soon())).body for _ in range(4)]
        assert bodies == [b"1", b"abcdefg", b"", b"4"]
        assert [len(heads) for heads in server.heads] == [4]


async def test_one_connection_for_each_that_is_under_way(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"x"))) as server:
        await asyncio.gather(*(upstream.request("GET", server.url + "/", ctx=soon()) for _ in range(5)))
        assert sum(len(heads) for heads in server.heads) == 5
        before = len(server.heads)
        await asyncio.gather(*(upstream.request("GET", server.url + "/", ctx=soon()) for _ in range(before)))
        assert len(server.heads) == before


async def test_connection_close_is_heeded(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"x", "connection: close"))) as server:
        for _ in range(2):
            await upstream.request("GET", server.url + "/", ctx=soon())
        assert len(server.heads) == 2


async def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"x"))) as server:
        await upstream.request("GET", server.url + "/", ctx=soon())
        server.writers[0].transport.abort()
        await asyncio.sleep(0.05)
        assert (await upstream.request("GET", server.url + "/", ctx=soon())).body == b"x"


async def test_a_kept_connection_that_closes_on_the_next_question_is_replaced(upstream: Upstream) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(b"x"))
        await writer.drain()
        # the next question finds it open and gets nothing
        await reader.readuntil(b"\r\n\r\n")

    async with serving(Scripted(once)) as server:
        for _ in range(3):
            assert (await upstream.request("GET", server.url + "/", ctx=soon())).body == b"x"
        assert len(server.heads) == 3


async def test_what_may_have_been_carried_out_is_not_sent_twice(upstream: Upstream) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(b"x"))
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")

    async with serving(Scripted(once)) as server:
        await upstream.request("GET", server.url + "/", ctx=soon())
        with pytest.raises(Unavailable):
            await upstream.request("POST", server.url + "/", ctx=soon(), body=b"")


async def test_more_than_was_asked_for_is_never_taken_for_an_answer(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"1") + plain(b"evil", "x-evil: 1"), plain(b"2"))) as server:
        first = await upstream.request("GET", server.url + "/", ctx=soon())
        assert (first.body, first.headers.get("x-evil")) == (b"1", None)
        second = await upstream.request("GET", server.url + "/", ctx=soon())
        assert second.body == b"2"
        assert len(server.heads) == 2


async def test_what_comes_unasked_on_a_kept_connection_ends_it(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"1"), plain(b"2"))) as server:
        await upstream.request("GET", server.url + "/", ctx=soon())
        server.writers[0].write(plain(b"evil"))
        await server.writers[0].drain()
        await asyncio.sleep(0.05)
        assert (await upstream.request("GET", server.url + "/", ctx=soon())).body == b"2"


async def test_a_cancelled_exchange_leaves_no_connection_behind(upstream: Upstream) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(plain(b"late"))
        await writer.drain()

    async with serving(Scripted(slow)) as server:
        task = asyncio.create_task(upstream.request("GET", server.url + "/", ctx=soon()))
        await asyncio.wait_for(server.asked.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.talk, server.answers = None, [plain(b"fresh")]
        assert (await upstream.request("GET", server.url + "/", ctx=soon())).body == b"fresh"
