"""A server whose connections do what a test says, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from adapters.contract import SourceContext

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Scripted:
    """A server whose connections do what a test says; it keeps the heads of the requests, by connection."""

    def __init__(self, talk: Talk | None = None, *answers: bytes) -> None:
        self.talk = talk
        self.answers = list(answers)
        self.heads: list[list[str]] = []
        self.url = ""
        self.asked = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def head(self, reader: asyncio.StreamReader) -> str:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads: list[str] = []
        self.heads.append(heads)
        self.writers.append(writer)
        try:
            while True:
                heads.append(await self.head(reader))
                self.asked.set()
                if self.talk is not None:
                    await self.talk(reader, writer)
                    return
                writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Scripted, **options: Any) -> AsyncIterator[Scripted]:
    opened = await asyncio.start_server(server.serve, "127.0.0.1", 0, **options)
    scheme = "https" if "ssl" in options else "http"
    server.url = f"{scheme}://127.0.0.1:{opened.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        opened.close()
        for writer in server.writers:
            # a transport that was closed to its end has no loop any more, and falls over it
            with suppress(AttributeError):
                writer.transport.abort()


def plain(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def soon(seconds: float = 3.0, **fields: Any) -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + seconds, **fields)
