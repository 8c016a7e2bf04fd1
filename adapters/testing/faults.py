"""A platform that misbehaves: a raw socket server whose every answer has the same fault."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import StrEnum
from types import TracebackType
from typing import Self

from adapters.testing.serving import Request, read_request

_CHUNK = b"x" * 65536


class Fault(StrEnum):
    HUNG = "hung"
    """Takes the request and never answers."""
    HUNG_BODY = "hung-body"
    """Answers with a head and the beginning of a body, then nothing."""
    CLOSED = "closed"
    """Closes without a byte."""
    ERROR = "error"
    """500."""
    OVERLOADED = "overloaded"
    """503 with Retry-After."""
    RESET = "reset"
    """RST in the middle of the body."""
    SHORT = "short"
    """Fewer bytes than its Content-Length, then an orderly close."""
    MALFORMED = "malformed"
    """JSON that ends in the middle, well framed."""
    NOT_UTF8 = "not-utf8"
    """Bytes that are in no encoding."""
    HTML = "html"
    """An HTML page with 200."""
    HUGE = "huge"
    """A body without an end."""
    NOT_HTTP = "not-http"
    """Another protocol's greeting."""
    UNAUTHORIZED = "unauthorized"
    """401."""
    FORBIDDEN = "forbidden"
    """403."""
    NOT_FOUND = "not-found"
    """404."""
    RATE_LIMITED = "rate-limited"
    """429 with Retry-After: 7."""
    REDIRECT_LOOP = "redirect-loop"
    """302 to ever other paths of its own."""


_PAGE = b"<!DOCTYPE html><html><head><title>Portal</title></head><body>Sign in</body></html>"
_CUT = b'[{"id":"urn:ngsi-ld:Thing:1","type":"Thing","name":{"type":"Prop'


def _plain(status: str, body: bytes, kind: str = "application/json", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


_WHOLE: dict[Fault, bytes] = {
    Fault.ERROR: _plain("500 Internal Server Error", b'{"title":"broken"}'),
    Fault.OVERLOADED: _plain("503 Service Unavailable", b"", "text/plain", "retry-after: 7"),
    Fault.MALFORMED: _plain("200 OK", _CUT),
    Fault.NOT_UTF8: _plain("200 OK", b'[{"id":"urn:x:1","type":"T","n":"\xff\xfe\x81 \xfd"}]'),
    Fault.HTML: _plain("200 OK", _PAGE, "text/html; charset=utf-8"),
    Fault.UNAUTHORIZED: _plain("401 Unauthorized", b'{"title":"no key"}'),
    Fault.FORBIDDEN: _plain("403 Forbidden", b'{"title":"not for you"}'),
    Fault.NOT_FOUND: _plain("404 Not Found", b"nothing here", "text/plain"),
    Fault.RATE_LIMITED: _plain("429 Too Many Requests", b"", "text/plain", "retry-after: 7"),
}


class FaultServer:
    """`async with FaultServer(Fault.HUNG) as server:` listens on a free port of loopback."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.url = ""
        self.requests: list[Request] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                if not await self._answer(writer):
                    return
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    async def _answer(self, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        fault = self.fault
        if fault in _WHOLE:
            writer.write(_WHOLE[fault])
            await writer.drain()
            return True
        if fault is Fault.REDIRECT_LOOP:
            location = f"location: {self.url}/again/{len(self.requests)}"
            writer.write(_plain("302 Found", b"", "text/plain", location))
            await writer.drain()
            return True
        if fault is Fault.HUGE:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")
            while True:
                writer.write(_CHUNK)
                await writer.drain()
        if fault is Fault.NOT_HTTP:
            writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        elif fault in (Fault.RESET, Fault.SHORT, Fault.HUNG_BODY):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n" + _CUT)
        await writer.drain()
        if fault in (Fault.HUNG, Fault.HUNG_BODY):
            await asyncio.Event().wait()
        if fault is Fault.RESET:
            await asyncio.sleep(0.01)  # the beginning of the body must be on its way before the reset
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            writer.close()
            await writer.wait_closed()
        return False
