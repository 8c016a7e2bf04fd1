"""One HTTP/1.1 answer whose body is handed on while it comes: nothing is kept but what waits to be taken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httptools

from schemas.errors import BadUpstream, SourceError, SourceTimeout, SourceTooLarge, Unavailable

if TYPE_CHECKING:
    from asyncio import Future, Transport

_MOST_HEADER_BYTES = 64 * 1024
_MOST_WAITING = 1024 * 1024
"""Bytes that wait; beyond them the other side is not read from."""


class Streamed(asyncio.Protocol):
    """Serves one exchange. `status` and `headers` (names in lower case) are there after `begin`; then `chunks`."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.received = 0
        self._transport: Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._head: Future[None] | None = None
        self._more: Future[None] | None = None
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._header_size = 0
        self._limit = 0
        self._error: SourceError | None = None
        self._in_body = False
        self._ended = False
        self._paused = False

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._ended or self._error is not None:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as e:
            self._fail(self._error or BadUpstream(f"the answer is not HTTP/1.1 ({e.__class__.__name__})"))
            return
        if not self._in_body:
            self._header_size += len(data)
            if self._header_size > _MOST_HEADER_BYTES:
                self._fail(SourceTooLarge("the headers of the answer are too large"))
        if self._size > _MOST_WAITING and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._ended or self._error is not None:
            return
        framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        if self._in_body and not framed and exc is None:
            self.on_message_complete()
        elif self._in_body:
            self._fail(BadUpstream("the connection ended in the middle of the answer"))
        else:
            self._fail(Unavailable("the connection was closed before an answer came"))

    # --- httptools ----------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = {}
            return
        self.status = status
        self._in_body = True
        length = self.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limit:
            self._error = SourceTooLarge(f"the file has {length} bytes, more than the {self._limit} allowed")
            raise self._error
        if self._head is not None and not self._head.done():
            self._head.set_result(None)

    def on_body(self, body: bytes) -> None:
        self.received += len(body)
        if self.received > self._limit:
            self._error = SourceTooLarge(f"the file has more than the {self._limit} bytes allowed")
            raise self._error
        self._waiting.append(body)
        self._size += len(body)
        self._wake()

    def on_message_complete(self) -> None:
        if self.status:
            self._ended = True
            self._wake()

    # --- ours ---------------------------------------------------------------------------------------------------------

    async def begin(self, data: bytes, limit: int, deadline: float) -> None:
        """Send the bytes of a request and wait for the head of its answer. Raises `SourceError`."""
        if self._transport is None:
            raise Unavailable("the connection is closed")
        self._limit = limit
        self._head = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            async with asyncio.timeout_at(deadline):
                await self._head
        except TimeoutError:
            self.close()
            raise SourceTimeout("no answer came before the deadline") from None

    async def chunks(self, patience: float) -> AsyncIterator[bytes]:
        """The body as it comes. SourceTimeout if nothing comes for `patience` seconds; other `SourceError`s."""
        while True:
            while self._waiting:
                chunk = self._waiting.popleft()
                self._size -= len(chunk)
                if self._paused and self._size < _MOST_WAITING // 2 and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
                yield chunk
            if self._error is not None:
                raise self._error
            if self._ended:
                return
            self._more = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(patience):
                    await self._more
            except TimeoutError:
                raise SourceTimeout(f"nothing came for {patience:g} seconds") from None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def give_up(self, why: str) -> None:
        """End it from outside: whoever waits for more, or comes for what has come already, gets Unavailable."""
        self._waiting.clear()
        if self._error is None:
            self._fail(Unavailable(why))

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _fail(self, error: SourceError) -> None:
        self._error = error
        self.close()
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        self._wake()
