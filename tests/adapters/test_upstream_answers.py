"""The HTTP port: what may come back, how much of it, and until when."""

from __future__ import annotations

import asyncio

import pytest
from scripted import Scripted, plain, serving, soon

from adapters.upstream import Upstream
from schemas.errors import (
    BadUpstream,
    SourceError,
    SourceTimeout,
    SourceTooLarge,
    Unavailable,
)

# --- what comes back -------------------------------------------------------------------------------------------------


async def test_interim_answers_are_passed_over(upstream: Upstream) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with serving(Scripted(None, interim + plain(b"x"))) as server:
        answer = await upstream.request("GET", server.url + "/", ctx=soon())
        assert (answer.status, answer.body, "link" in answer.headers) == (200, b"x", False)


async def test_a_body_that_ends_with_the_connection(upstream: Upstream) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nab")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b"cd")

    async with serving(Scripted(talk)) as server:
        assert (await upstream.request("GET", server.url + "/", ctx=soon())).body == b"abcd"


async def test_bytes_in_dribs(upstream: Upstream) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in plain(b"hello", "link: <a>", "link: <b>", "x-a: 1", "x-a: 2"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(Scripted(talk)) as server:
        answer = await upstream.request("GET", server.url + "/", ctx=soon())
        assert answer.body == b"hello"
        assert answer.headers["link"] == "<a>, <b>"
        assert answer.headers["x-a"] == "2"


CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"
ENDLESS = [
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 0xFFFF,
]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", Unavailable),
        (b"HTTP/1.1 200 OK\r\ncontent-", Unavailable),
        (CUT, BadUpstream),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", BadUpstream),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", BadUpstream),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", BadUpstream),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", BadUpstream),
        (b"SSH-2.0-OpenSSH_9.6\r\n", BadUpstream),
        (b"\x00\x01\x02\x03", BadUpstream),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n", BadUpstream),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n", SourceTooLarge),
        (plain(b"{}", "content-encoding: gzip"), BadUpstream),
    ],
)
async def test_answers_that_are_none(upstream: Upstream, sent: bytes, error: type[SourceError]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    async with serving(Scripted(talk)) as server:
        with pytest.raises(error):
            await upstream.request("GET", server.url + "/", ctx=soon(), max_bytes=1000)


@pytest.mark.parametrize("endless", ENDLESS, ids=["chunked", "until-close"])
async def test_a_body_without_an_end_stops_at_the_budget(upstream: Upstream, endless: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _, body = endless.partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        while True:
            writer.write(body)
            await writer.drain()

    async with serving(Scripted(talk)) as server:
        ctx = soon(10, budget=1_000_000)
        with pytest.raises(SourceTooLarge):
            await upstream.request("GET", server.url + "/", ctx=ctx)


@pytest.mark.parametrize("header", [b"x-a: " + b"y" * 1000 + b"\r\n", b"y" * 1000], ids=["many", "one"])
async def test_headers_without_an_end(upstream: Upstream, header: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + (b"" if header.startswith(b"x-a") else b"x-a: "))
        while True:
            writer.write(header)
            await writer.drain()

    async with serving(Scripted(talk)) as server:
        with pytest.raises(SourceTooLarge):
            await upstream.request("GET", server.url + "/", ctx=soon(20))


async def test_the_budget_counts_over_several_answers(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"x" * 600))) as server:
        ctx = soon(budget=1000)
        await upstream.request("GET", server.url + "/", ctx=ctx)
        assert (ctx.budget, ctx.received) == (400, 600)
        with pytest.raises(SourceTooLarge):
            await upstream.request("GET", server.url + "/", ctx=ctx)
        ctx.budget = 0
        with pytest.raises(SourceTooLarge):
            await upstream.request("GET", server.url + "/", ctx=ctx)
        assert sum(len(heads) for heads in server.heads) == 2


# --- deadlines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nx-a", CUT, ENDLESS[0][:100]], ids=["silent", "head", "body", "chunk"]
)
async def test_the_deadline_holds_in_every_phase(upstream: Upstream, sent: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(5)

    async with serving(Scripted(talk)) as server:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(SourceTimeout):
            await upstream.request("GET", server.url + "/", ctx=soon(0.15))
        assert loop.time() - began < 2


async def test_a_deadline_that_has_passed_asks_nobody(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b""))) as server:
        with pytest.raises(SourceTimeout):
            await upstream.request("GET", server.url + "/", ctx=soon(-1))
        assert server.heads == []


async def test_the_deadline_holds_while_tls_is_agreed_on(upstream: Upstream) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    class Silent(Scripted):
        async def head(self, reader: asyncio.StreamReader) -> str:
            return ""

    async with serving(Silent(talk)) as server:
        with pytest.raises(SourceTimeout):
            await upstream.request("GET", server.url.replace("http", "https") + "/", ctx=soon(0.15))


async def test_nobody_listens(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b""))) as server:
        url = server.url
    with pytest.raises(Unavailable) as raised:
        await upstream.request("GET", url + "/", ctx=soon())
    assert "refused" in raised.value.detail
    assert raised.value.field == "endpoint"
