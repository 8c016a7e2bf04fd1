"""A body that is handed on while it comes: bounded, with back-pressure, and told when it ends too early."""

from __future__ import annotations

import asyncio

import pytest
from scripted import Scripted, plain, serving, soon

from adapters.guard import Guard
from adapters.upstream import Upstream
from schemas.errors import BadUpstream, ForbiddenAddress, SourceError, SourceTimeout, SourceTooLarge, Unavailable


async def taken(upstream: Upstream, url: str, *, most: int = 10_000_000, patience: float = 5.0) -> bytes:
    streamed = await upstream.stream(url, ctx=soon(), max_bytes=most, follow=2)
    try:
        return b"".join([chunk async for chunk in streamed.chunks(patience)])
    finally:
        streamed.close()


@pytest.mark.parametrize(
    "answer",
    [
        plain(b"abc" * 1000),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"3e8\r\n" + b"abc" * 333 + b"a\r\n" + b"0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + plain(b"abc"),
    ],
    ids=["by length", "chunked", "after an interim answer"],
)
async def test_a_body(upstream: Upstream, answer: bytes) -> None:
    async with serving(Scripted(None, answer)) as server:
        assert (await taken(upstream, server.url)).startswith(b"abc")


async def test_a_body_until_the_end_of_the_connection(upstream: Upstream) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nabc")

    async with serving(Scripted(talk)) as server:
        assert await taken(upstream, server.url) == b"abc"


async def test_who_reads_slowly_holds_the_other_side_back(upstream: Upstream) -> None:
    size = 64 * 1024 * 1024
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode())
        while written < size:
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    async with serving(Scripted(talk)) as server:
        streamed = await upstream.stream(server.url, ctx=soon(30), max_bytes=size)
        before = -1
        while before != written:
            # as long as it grows somebody still takes it; a loop that is busy elsewhere only makes this longer
            before = written
            await asyncio.sleep(0.1)
        assert written < size / 2
        total = 0
        async for chunk in streamed.chunks(30):
            total += len(chunk)
        assert total == size
        streamed.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (plain(b"a" * 2000), SourceTooLarge),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n" + b"a" * 2000 + b"\r\n0\r\n\r\n",
            SourceTooLarge,
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", BadUpstream),
        (b"SSH-2.0-OpenSSH_9.6\r\n", BadUpstream),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000, SourceTooLarge),
    ],
    ids=["told too large", "grows too large", "compressed", "no HTTP", "endless header"],
)
async def test_what_is_not_taken(upstream: Upstream, answer: bytes, error: type[SourceError]) -> None:
    async with serving(Scripted(None, answer)) as server:
        with pytest.raises(error):
            await taken(upstream, server.url, most=1000)


async def test_one_that_breaks_off_or_falls_silent(upstream: Upstream) -> None:
    hang = asyncio.Event()

    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
        await hang.wait()

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return

    async with serving(Scripted(breaks)) as server:
        with pytest.raises(BadUpstream, match="middle"):
            await taken(upstream, server.url)
    async with serving(Scripted(silent)) as server:
        with pytest.raises(SourceTimeout):
            await taken(upstream, server.url, patience=0.1)
        hang.set()
    async with serving(Scripted(nothing)) as server:
        with pytest.raises(Unavailable):
            await taken(upstream, server.url)


async def test_redirects_go_through_the_guard() -> None:
    closed = Upstream(Guard())
    with pytest.raises(ForbiddenAddress):
        await closed.stream("http://127.0.0.1:9/", ctx=soon(), max_bytes=100)
    await closed.close()
