"""One request and its answer on a connection. What uvicorn does in several steps, an answer whose length is known gets
in one: its head is checked once, and leaves together with the beginning of its body.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

_VALUE = bytes(byte for byte in range(256) if byte == 9 or (byte >= 32 and byte != 127))
"""What a header's value may have (RFC 9110 §5.5): a line break in one would begin another header."""


class Cycle(RequestResponseCycle):
    """Sends what has a Content-Length itself; everything else (chunks, HEAD, `Connection`) as uvicorn does."""

    _head: bytes | None = None
    """Of an answer that began: it waits for the body."""

    async def send(self, message: ASGISendEvent) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start" and not self.response_started and self.scope["method"] != "HEAD":
            head = self._started(message["status"], [*self.default_headers, *message.get("headers", ())])
            if head is not None:
                self._head = head
                self.response_started, self.waiting_for_100_continue = True, False
                return
        elif message["type"] == "http.response.body" and self._head is not None:
            head, self._head = self._head, None
            body = message.get("body", b"")
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("the answer is longer than its Content-Length")
            self.transport.writelines((head, body))
            if not message.get("more_body", False):
                self._ended()
            return
        await super().send(message)

    def _started(self, status: int, headers: list[Any]) -> bytes | None:
        """The head; None of an answer that is not ours to send."""
        length = None
        lines, values = [STATUS_LINE[status]], []
        for name, value in headers:
            if name == b"content-length":
                length = value
            elif name in _UVICORNS:
                return None
            lines += (_begun(name), value, b"\r\n")
            values.append(value)
        if length is None:
            return None
        if b"".join(values).translate(None, _VALUE):
            raise RuntimeError("Invalid HTTP header value.")
        self.expected_content_length, self.chunked_encoding = int(length), False
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(lines)

    def _ended(self) -> None:
        if self.expected_content_length:
            raise RuntimeError("the answer is shorter than its Content-Length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


_UVICORNS = frozenset({b"connection", b"transfer-encoding"})


@lru_cache(maxsize=512, typed=True)
def _begun(name: bytes) -> bytes:
    if HEADER_RE.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    return name.lower() + b": "
