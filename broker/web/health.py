"""`/health/live`, `/health/ready` and `/metrics`: open to all, and silent about everything but the state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson

from broker.web.endpoint import Call, Reply
from broker.web.metrics import Metrics

_JSON = (b"content-type", b"application/json")


class Health:
    """`ready` gives the names of the parts that are not ready; empty if the worker can answer."""

    def __init__(self, metrics: Metrics, ready: Callable[[], Awaitable[list[str]]]) -> None:
        self._metrics = metrics
        self._ready = ready

    async def live(self, call: Call) -> Reply:
        """200 as long as the process runs its loop."""
        return Reply(200, b'{"status":"live"}', [_JSON])

    async def ready(self, call: Call) -> Reply:
        """200 if requests can be answered and recorded, else 503 with what is missing."""
        missing = await self._ready()
        if missing:
            return Reply(503, orjson.dumps({"status": "not ready", "missing": missing}), [_JSON])
        return Reply(200, b'{"status":"ready"}', [_JSON])

    async def metrics(self, call: Call) -> Reply:
        """Prometheus text."""
        return Reply(200, self._metrics.render(), [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")])
