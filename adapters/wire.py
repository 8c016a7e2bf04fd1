"""One HTTP/1.1 client connection: bytes out, one `Answer` in. httptools parses; nothing here knows about NGSI.

Why not a client library: the fan-out is where a gateway's CPU goes, see docs/adr/0002-upstream-client.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httptools

from schemas.errors import BadUpstream, SourceError, SourceTimeout, SourceTooLarge, Unavailable

if TYPE_CHECKING:
    from asyncio import Future, TimerHandle, Transport

MAX_HEADER_BYTES = 64 * 1024


_JOINED = frozenset({"link", "ngsild-warning"})


class Answer:
    """Status, headers (names in lower case; of equals the last wins, `_JOINED` apart, which are joined), whole body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Connection(asyncio.Protocol):
    """Serves one exchange at a time. `exchange` raises SourceTimeout, SourceTooLarge, BadUpstream or Unavailable."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: Transport | None = None
        self.reusable = False
        self.answered = False
        """A byte of the present exchange's answer has come, so the request may have been carried out."""
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: Future[Answer] | None = None
        self._deadline = 0.0
        self._timer: TimerHandle | None = None
        """Rings no later than the deadline of the present exchange. It stays for the next one: most have none that
        comes true."""
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        self._header_size = 0
        self._limit = 0
        self._in_body = False
        self._framed = False

    # --- asyncio.Protocol -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.close()
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(BadUpstream("it asked for another protocol"))
        except httptools.HttpParserError as e:
            if self._waiter is not None:
                self._fail(self._refusal or BadUpstream(f"the answer is not HTTP/1.1 ({e.__class__.__name__})"))
            else:
                self.close()
        else:
            if not self._in_body and self._waiter is not None:
                # the parser keeps a header without an end, however long it grows
                self._header_size += len(data)
                if self._header_size > MAX_HEADER_BYTES:
                    self._fail(SourceTooLarge("the headers of the answer are too large"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        self.transport = None
        self._cancel_timer()
        if self._waiter is None:
            return
        if self._in_body and not self._framed and exc is None:
            self.on_message_complete()
        elif self._in_body:
            self._fail(BadUpstream("the connection ended in the middle of the answer"))
        else:
            self._fail(Unavailable("the connection was closed before an answer came"))

    # --- httptools ------------------------------------------------------------------------------------------------

    _refusal: SourceError | None = None

    def on_message_begin(self) -> None:
        if self._waiter is None:
            # more than was asked for: neither may it change the answer that was given, nor become the next one
            self._headers = {}
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        # what comes behind a body (RFC 9112 §7.1.2) may be thrown away
        if not self._in_body:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            if key in _JOINED and key in self._headers:
                text = self._headers[key] + ", " + text
            self._headers[key] = text

    def on_headers_complete(self) -> None:
        self._in_body = True
        headers = self._headers
        if sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEADER_BYTES:
            self._refusal = SourceTooLarge("the headers of the answer are too large")
            raise self._refusal
        length = headers.get("content-length")
        self._framed = length is not None or "transfer-encoding" in headers
        if length is not None and length.isdigit() and int(length) > self._limit:
            self._refusal = SourceTooLarge(f"the answer has {length} bytes, more than the {self._limit} allowed")
            raise self._refusal

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._limit:
            self._refusal = SourceTooLarge(f"the answer has more than the {self._limit} bytes allowed")
            raise self._refusal
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer; the real one follows
            self._headers = {}
            self._in_body = False
            return
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        self.reusable = self._framed_or_empty(status) and self._parser.should_keep_alive()
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        waiter.set_result(Answer(status, self._headers, body))
        self._chunks = []

    # --- ours -----------------------------------------------------------------------------------------------------

    def _framed_or_empty(self, status: int) -> bool:
        return self._framed or status in (204, 304)

    async def exchange(self, data: bytes, limit: int, deadline: float) -> Answer:
        """Send the bytes of one request and wait for its answer. Cancelling it closes the connection."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise Unavailable("the connection is closed")
        self._headers, self._chunks, self._size, self._header_size = {}, [], 0, 0
        self._limit, self._in_body, self._framed, self.answered, self.reusable = limit, False, False, False, False
        self._refusal = None
        waiter = self._waiter = self.loop.create_future()
        if self._timer is None or deadline < self._deadline:
            self._arm(deadline)
        self._deadline = deadline
        transport.write(data)
        try:
            answer: Answer = await waiter
            return answer
        except asyncio.CancelledError:
            self._waiter = None
            self.close()
            raise

    def close(self) -> None:
        self._cancel_timer()
        self.reusable = False
        if self.transport is not None:
            self.transport.abort()
            self.transport = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self._cancel_timer()
        self._timer = self.loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self.loop.time() < self._deadline:
            self._arm(self._deadline)
        else:
            self._time_out()

    def _time_out(self) -> None:
        self._fail(SourceTimeout("no whole answer came before the deadline"))

    def _fail(self, error: SourceError) -> None:
        waiter, self._waiter = self._waiter, None
        self._chunks = []
        self.close()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
