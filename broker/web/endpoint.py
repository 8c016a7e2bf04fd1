"""The shell around every NGSI-LD route: raw ASGI in, one place for errors, ids and the log.

These routes stand in front of FastAPI: no dependency injection and no model is built on the hot path.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from broker.gateway.permits import Permit
from broker.registry.tenants import Tenants
from broker.web.metrics import Metrics
from broker.web.negotiation import Media, body_media, conformant
from broker.web.problems import media_of, problem
from schemas.errors import BadRequestData, BodyTooLarge, NoSuchTenant, NotFound, OperationNotSupported
from schemas.flow import uuid7

log = structlog.get_logger("kakehashi.request")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class Call(msgspec.Struct):
    """One request: `headers` by name in lower case, the values of equal names joined by a comma (RFC 9110 §5.3)."""

    scope: Scope
    headers: dict[bytes, bytes]
    request: UUID
    arrival: datetime
    receive: Receive
    permit: Permit | None = None
    """Of a write: what the caller may write; None: everything."""
    flows: list[UUID] | None = None
    """Of a write: what was recorded of it; an answer to a read says so itself."""

    @property
    def path(self) -> dict[str, str]:
        found: dict[str, str] = self.scope.get("path_params", {})
        return found

    @property
    def body_media(self) -> Media:
        """Of its body; errors as of `negotiation.body_media`."""
        return body_media(self.header(b"content-type") or "", patch=self.scope["method"] == "PATCH")

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def problem_media(self) -> Media:
        """The media type of an error of this request."""
        return media_of(self.scope["path"], self.header(b"accept") or "")

    def problem(self, error: Exception) -> Reply:
        """The error as it leaves."""
        status, headers, body = problem(error, self.problem_media)
        return Reply(status, body, headers)

    async def body(self, most: int) -> bytes:
        """The whole body; BodyTooLarge beyond `most` bytes, before they are kept."""
        length = self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > most:
            raise BodyTooLarge(f"the body has {int(length)} bytes; at most {most} are taken", field="body")
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > most:
                raise BodyTooLarge(f"the body has more than {most} bytes", field="body")
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class Reply(msgspec.Struct):
    """What leaves."""

    status: int = 200
    body: bytes = b""
    headers: Headers = []


Handler = Callable[[Call], Awaitable[Reply]]

_TENANT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,127}")
_BODIED = frozenset({"POST", "PATCH", "PUT"})


class Endpoint:
    """An ASGI application for one route; `methods` maps a method to its handler.

    With `tenants`, a request to a tenant that does not exist is a 404 (clause 5.5.10), unless its method is among
    `creates`: then the tenant exists from the first request on that succeeds. `identify` raises Unauthorized for whom
    nobody knows: which tenants there are is not told to everyone.
    """

    def __init__(
        self,
        name: str,
        metrics: Metrics,
        *,
        access_log: bool = False,
        tenants: Tenants | None = None,
        identify: Callable[[dict[bytes, bytes]], object] | None = None,
        creates: frozenset[str] = frozenset(),
        prepare: Callable[[dict[bytes, bytes]], Awaitable[None]] | None = None,
        **methods: Handler,
    ) -> None:
        self.name = name
        self._metrics = metrics
        self._log_all = access_log
        self._tenants = tenants
        self._identify = identify
        self._creates = creates
        self._prepare = prepare
        self._methods = methods
        if "GET" in methods and "HEAD" not in methods:
            self._methods["HEAD"] = methods["GET"]
        self._allow = ", ".join(sorted({*self._methods, "OPTIONS"})).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        call = Call(scope, fold(scope["headers"]), uuid7(), datetime.now(UTC), receive)
        method: str = scope["method"]
        handler = self._methods.get(method)
        tenant = call.headers.get(b"ngsild-tenant")
        if handler is None:
            reply = self._other(method)
        elif method in _BODIED and b"content-length" not in call.headers:
            reply = Reply(411)
        elif scope["path"].endswith("\n"):
            # routes are found by regular expressions, whose end is before a last line break, too
            reply = call.problem(NotFound("no path ends in a line break", field="path", value=scope["path"]))
        elif b"ngsild-snapshot" in call.headers:
            # what is there now would be told, or changed, in the place of what was meant
            reply = call.problem(
                OperationNotSupported("there are no snapshots here", field="NGSILD-Snapshot", clause="6.3.22")
            )
        else:
            try:
                if self._prepare is not None:
                    await self._prepare(call.headers)
                reply = await (handler(call) if tenant is None else self._in_tenant(call, handler, method))
            except Exception as e:
                reply = call.problem(e)
                # that a loop ended is as it should be
                if reply.status >= 500 and reply.status != 508:
                    log.error(
                        "request_failed",
                        request=str(call.request),
                        route=self.name,
                        status=reply.status,
                        exc_info=None if reply.status in (503, 504) else e,
                    )
        reply.headers.append((b"x-request-id", str(call.request).encode()))
        if call.flows:
            reply.headers.append((b"kakehashi-flow", ", ".join(map(str, call.flows)).encode()))
        if tenant:
            reply.headers.append((b"ngsild-tenant", tenant))
        if b"prefer" in call.headers and reply.body:
            reply.headers.extend(conformant(call.headers[b"prefer"]))
        if reply.status != 204:
            reply.headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else reply.body})
        took = time.perf_counter() - began
        self._metrics.request(self.name, reply.status, took)
        if self._log_all:
            log.info(
                "request",
                request=str(call.request),
                route=self.name,
                method=method,
                status=reply.status,
                ms=round(took * 1000, 1),
                bytes=len(reply.body),
            )

    async def _in_tenant(self, call: Call, handler: Handler, method: str) -> Reply:
        name = tenant_of(call)
        tenants = self._tenants
        if tenants is None or tenants.knows(name):
            return await handler(call)
        if method not in self._creates:
            if self._identify is not None:
                self._identify(call.headers)
            raise NoSuchTenant("there is no such tenant", field="NGSILD-Tenant", value=name, clause="5.5.10")
        reply = await handler(call)
        if reply.status < 300:
            await tenants.create(name)
        return reply

    def _other(self, method: str) -> Reply:
        status = 204 if method == "OPTIONS" else 405
        return Reply(status, b"", [(b"allow", self._allow)])


def tenant_of(call: Call) -> str:
    """The tenant of the request, "" for the default one (clause 6.3.14). BadRequestData for what is no name."""
    raw = call.headers.get(b"ngsild-tenant")
    if not raw:
        return ""
    text = raw.decode("latin-1")
    if not _TENANT.fullmatch(text):
        raise BadRequestData(
            "a tenant has 1 to 128 letters, digits or _-.:", field="NGSILD-Tenant", value=text, clause="6.3.14"
        )
    return text


def fold(raw: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers as a dict; equal names joined by a comma."""
    headers = dict(raw)
    if len(headers) != len(raw):
        headers = {}
        for name, value in raw:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers
