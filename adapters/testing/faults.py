"""A platform that misbehaves: a raw socket server whose every answer has the same fault."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from adapters.testing.raw import RawServer, reset_on_close
from adapters.testing.serving import Request

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


class FaultServer(RawServer):
    """`async with FaultServer(Fault.HUNG) as server:` listens on a free port of loopback."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault
        self.requests: list[Request] = []

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        self.requests.append(request)
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
            reset_on_close(writer)
        else:
            writer.close()
            await writer.wait_closed()
        return False
