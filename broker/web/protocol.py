"""HTTP/1.1 as uvicorn speaks it, with a bound on what stands before the body, and problems instead of plain text.

`kakehashi serve` gives it to uvicorn (`http="broker.web.protocol:BoundedProtocol"`): the parser below puts no limit on
an address or a header, and what it can't read it answers before any application sees it.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from broker.web.cycle import Cycle
from broker.web.negotiation import Media
from broker.web.problems import document
from schemas.errors import InvalidRequest, UriTooLong

MAX_HEAD = 128 * 1024
"""Bytes of the request line and the headers."""
LONG_URL = 32 * 1024
_LINGER_SECONDS = 2.0


class Written(bytes):
    """A header's name that goes out as it is written here: uvicorn asks for it in lower case, and gets this.

    It equals its name in lower case, since names are the same in any case (RFC 9110 §5.1); but some clients look them
    up as that RFC writes them.
    """

    def lower(self) -> Written:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and bytes.lower(self) == bytes.lower(other)

    def __hash__(self) -> int:
        return hash(bytes.lower(self))


LOCATION = Written(b"Location")


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A request that is refused here is answered at once, the rest of it is read and thrown away."""

    _head = 0
    _in_head = True
    _refused = False

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._in_head and not self._refused:
            # all of it belongs to a head that has no end yet
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.send_400_response("")

    def on_message_begin(self) -> None:
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As uvicorn does it, with our own `Cycle`, and without what `kakehashi serve` doesn't use: a limit on
        connections, a root path, upgrades."""
        self._in_head = False
        scope, parser = self.scope, self.parser
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        before = self.cycle
        self.cycle = cycle = Cycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            version != "1.0" and parser.should_keep_alive(),
            self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            # pipelined: it waits for the one before
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def send_400_response(self, msg: str) -> None:
        """The problem that fits best. Closing at once would reset the connection under the answer."""
        self._refused = True
        problem = self._problem()
        body = orjson.dumps(problem)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", Media.JSON.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[problem["status"]] + lines + b"\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _problem(self) -> dict[str, Any]:
        if len(getattr(self, "url", b"")) > LONG_URL:
            return document(UriTooLong("the address is too long", field="query string"))
        if self._head > MAX_HEAD:
            return {
                "type": "about:blank",
                "title": "Request header fields too large",
                "status": 431,
                "detail": f"request line and headers have more than {MAX_HEAD} bytes",
                "field": "headers",
            }
        return document(InvalidRequest("this is not an HTTP/1.1 request that can be read", field="request"))
