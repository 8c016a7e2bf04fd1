"""How answers are written: in one piece where their length is known, and nothing of an answer can begin another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.web.protocol import BoundedProtocol

OK = b"HTTP/1.1 200 OK\r\n"


def answering(*parts: bytes, headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for n, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": n < len(parts)})

    return app


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=BoundedProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def told(app: ASGIApp, request: bytes) -> bytes:
    """Everything that comes for `request`, whose last question closes the connection."""
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), 30)
        finally:
            writer.close()


def get(path: str = "/", close: bool = True, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n{'connection: close' if close else 'x: y'}\r\n\r\n".encode()


@pytest.mark.parametrize("parts", [(b"abc",), (b"ab", b"c"), (b"", b"abc"), (b"a", b"b", b"c", b"")])
async def test_an_answer_of_known_length_comes_whole_however_it_was_cut(parts: tuple[bytes, ...]) -> None:
    app = answering(*parts, headers=[(b"content-length", b"3"), (b"x-one", b"1"), (b"x-one", b"2")])
    assert await told(app, get()) == (OK + b"content-length: 3\r\nx-one: 1\r\nx-one: 2\r\nconnection: close\r\n\r\nabc")


async def test_without_a_length_it_comes_in_chunks() -> None:
    told_ = await told(answering(b"ab", b"c", headers=[]), get())
    assert told_.startswith(OK)
    assert told_.endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


async def test_head_has_no_body() -> None:
    told_ = await told(answering(b"abc", headers=[(b"content-length", b"3")]), get(method="HEAD"))
    assert b"content-length: 3\r\n" in told_
    assert told_.endswith(b"\r\n\r\n")


async def test_pipelined_questions_are_answered_in_their_order() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(0.02)
        body = scope["path"].encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    told_ = await told(app, get("/slow", close=False) + get("/a%20b", close=False) + get("/last"))
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in told_.split(OK)[1:]]
    assert bodies == [b"/slow", b"/a b", b"/last"]


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\0", b"\x7f", b"a\rb"])
async def test_no_header_can_begin_another_one(value: bytes) -> None:
    app = answering(b"abc", headers=[(b"content-length", b"3"), (b"location", value)])
    told_ = await told(app, get())
    assert told_.startswith(b"HTTP/1.1 500 ")
    assert b"location" not in told_


@pytest.mark.parametrize("name", [b"a b", b"a\r\nb", b"a:b"])
async def test_no_name_can_be_other_than_a_token(name: bytes) -> None:
    told_ = await told(answering(b"abc", headers=[(b"content-length", b"3"), (name, b"x")]), get())
    assert told_.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(("length", "sent"), [(b"2", b""), (b"4", b"abc")])
async def test_an_answer_of_another_length_than_it_says_ends_the_connection(length: bytes, sent: bytes) -> None:
    told_ = await told(answering(b"abc", headers=[(b"content-length", length)]), get(close=False))
    assert told_.partition(b"\r\n\r\n")[2] == sent
