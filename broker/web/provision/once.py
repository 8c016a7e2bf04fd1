"""A write that comes here by several ways is done once: where gateways register each other in a diamond, each way
brings it.

Each gateway says with what it sends which request all of it began with (`Kakehashi-Origin`). Whatever comes again is
answered 208 at once: what came of it is told on the way by which it came first, and to wait for that could be to wait
in a circle. Kept in memory for a while: over several workers, or after a restart, what comes again is refused as it
would be without this (409 for a create).
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from hashlib import sha256
from typing import Any

from broker.identity.callers import SUBJECT
from broker.web.endpoint import Call, Handler, Reply, tenant_of

ORIGIN = b"kakehashi-origin"
_SECONDS = 60.0
_MOST = 4096
_ID = re.compile(rb"[0-9a-f-]{36}")
_ALREADY = 208
_WHO = (b"authorization", b"x-api-key", SUBJECT, b"link", b"content-type")


class Once:
    """Of one worker."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._recent: OrderedDict[bytes, float] = OrderedDict()

    def of(self, handler: Handler) -> Handler:
        """The handler, for writes that may come again."""

        async def once(call: Call) -> Reply:
            origin = call.headers.get(ORIGIN)
            if origin is None or b"via" not in call.headers or not _ID.fullmatch(origin):
                return await handler(call)
            body = await call.body(self._most_bytes)
            call.receive = _replayed(body)
            key = _key(call, origin, body)
            now = time.monotonic()
            self._forget(now)
            if key in self._recent:
                return Reply(_ALREADY)
            self._recent[key] = now
            return await handler(call)

        return once

    def _forget(self, now: float) -> None:
        while self._recent:
            key, since = next(iter(self._recent.items()))
            if len(self._recent) < _MOST and now - since < _SECONDS:
                return
            del self._recent[key]


def _key(call: Call, origin: bytes, body: bytes) -> bytes:
    """Who asks for what, as part of which request."""
    scope, headers = call.scope, call.headers
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    who = (headers.get(name, b"") for name in _WHO)
    asked = (tenant_of(call).encode(), origin, scope["method"].encode(), path, scope["query_string"], *who, body)
    return sha256(b"\0".join(asked)).digest()


def _replayed(body: bytes) -> Any:
    """The body once more."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
