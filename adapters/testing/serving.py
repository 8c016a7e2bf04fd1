"""A small HTTP/1.1 server on loopback that a test answers requests with: real sockets, one function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import unquote

_STATUS = {200: "OK", 304: "Not Modified", 400: "Bad Request", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Request:
    """`target`: path and query as sent. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    """`async with Server(answer) as server:` listens on a free port; `requests` holds what was asked, in order."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.url = ""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                reply = self.answer(request)
                head = [f"HTTP/1.1 {reply.status} {_STATUS.get(reply.status, 'Status')}"]
                head += [f"{name}: {value}" for name, value in reply.headers.items()]
                if reply.status != 304:
                    head.append(f"content-length: {len(reply.body)}")
                writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + reply.body)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            self._writers.discard(writer)
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None when the other side has closed it."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return None
    first, *lines = head.split("\r\n")
    method, _, rest = first.partition(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b""
    return Request(method, rest.rpartition(" ")[0], headers, body)


def static(files: dict[str, tuple[str, bytes]]) -> Callable[[Request], Reply]:
    """Answers with files by path → (content type, bytes), with an ETag that changes with the bytes. The dict may be
    changed while it is served."""

    def answer(request: Request) -> Reply:
        found = files.get(request.path)
        if found is None:
            return Reply(b"no such file", 404, {"content-type": "text/plain"})
        kind, data = found
        etag = f'"{hash(data) & 0xFFFF_FFFF_FFFF:x}"'
        if request.headers.get("if-none-match") == etag:
            return Reply(b"", 304, {"etag": etag})
        return Reply(data, 200, {"content-type": kind, "etag": etag})

    return answer
