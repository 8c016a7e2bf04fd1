"""What `Endpoint` does for NGSI-LD routes, for an application below: an id, a count and a line in the log."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.web.metrics import Metrics
from schemas.flow import uuid7

log = structlog.get_logger("kakehashi.request")


class Counted:
    """Every answer of `app` has an `X-Request-Id` and counts in the metrics, under the first segment of its path.

    `names` are the segments that have a series of their own; the rest is "other", so that who asks for paths that
    don't exist can't make series. What `app` raises after it has answered goes into the log and no further; so does,
    without a cause, that it failed on purpose (the database is gone, a platform does not answer).
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, names: frozenset[str], *, access_log: bool = False) -> None:
        self._app = app
        self._metrics = metrics
        self._names = names
        self._log_all = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request = str(uuid7())
        first = scope["path"].lstrip("/").partition("/")[0]
        route = first if first in self._names else "other"
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", request.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as e:
            log.error("request_failed", request=request, route=route, status=status or 500, exc_info=e)
            if not status:
                raise
        else:
            if status >= 500:
                log.error("request_failed", request=request, route=route, status=status)
        finally:
            took = time.perf_counter() - began
            self._metrics.request(route, status or 500, took)
        if self._log_all:
            log.info(
                "request",
                request=request,
                route=route,
                method=scope["method"],
                status=status,
                ms=round(took * 1000, 1),
            )
