"""The FastAPI application: all that is not NGSI-LD, and the page that documents everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.identity.callers import Callers
from broker.kpi.rollout import Rollout
from broker.store.database import Database
from broker.store.kpi_feed import KpiFeed
from broker.web.administration import agreements, areas, evidence, flows, kpi_feed, ledger, platforms, projects
from broker.web.administration.kpi_access import KpiAccess
from broker.web.administration.platform_access import PlatformAccess
from broker.web.catalog.routes import catalog_routes
from broker.web.endpoint import fold
from broker.web.openapi.document import DocumentedApp
from broker.web.parts import Parts
from broker.web.problems import media_of, problem
from broker.web.reading import Reader
from schemas.errors import BodyTooLarge, InvalidRequest, KakehashiError, NotFound
from schemas.roles import Role


def administration(parts: Parts, reader: Reader) -> FastAPI:
    """The FastAPI application: platforms, flows, KPI, and the page that documents everything."""
    app = DocumentedApp(
        title="Kakehashi 架け橋",
        summary="A federated, metered NGSI-LD gateway between the city OSs of Tokyo's areas",
        version="0.1.0",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        max_body_size=parts.settings.max_body_bytes,
    )
    for each in catalog_routes(parts.catalogue, reader, parts.gateway, parts.settings):
        app.include_router(each)
    app.include_router(platforms.routes(parts.enrolment, parts.registry, reader))
    app.include_router(agreements.routes(parts.desk, reader))
    app.include_router(flows.routes(_Metered(parts.database, parts.settings.public_url, parts.callers)))
    for router in ledger.all_routes(parts.database, parts.callers):
        app.include_router(router)
    access = KpiAccess(parts.callers)
    app.include_router(projects.routes(parts.programme, access))
    app.include_router(projects.kpi_routes(parts.programme, access))
    app.include_router(evidence.routes(parts.programme.projects, parts.evidence, access))
    rollout = Rollout(parts.database, parts.enrolment, parts.desk, parts.programme.projects)
    app.include_router(areas.routes(rollout, PlatformAccess(parts.callers), access))
    feed = KpiFeed(parts.database)
    app.include_router(kpi_feed.routes(parts.programme, feed, parts.pusher, access))
    app.add_exception_handler(KakehashiError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _problem)
    return app


class Announced:
    """A body that is announced as too large is refused with a problem; the framework below would say so in text. And
    what is needed to know the caller is had before, since nothing below waits for that."""

    def __init__(self, app: ASGIApp, callers: Callers, *, most: int) -> None:
        self._app = app
        self._callers = callers
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self._most:
            error = BodyTooLarge(f"the body has {length[:20]} bytes; at most {self._most} are taken", field="body")
            await (await _problem(Request(scope), error))(scope, receive, send)
            return
        try:
            await self._callers.prepare(fold(scope["headers"]))
        except KakehashiError as refused:
            await (await _problem(Request(scope), refused))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Metered:
    """What `/flows` and `/kpi` are made of: the audit sees all, an area what it gave, a service what it took itself."""

    database: Database
    public_url: str
    callers: Callers

    async def authorise(self, request: Request) -> flows.Scope:
        caller = self.callers.identify(fold(request.headers.raw))
        if caller.may(Role.AUDITOR, Role.SECRETARIAT):
            return flows.Scope()
        if Role.OPERATOR in caller.roles and caller.consumer.area is not None:
            return flows.Scope(area=caller.consumer.area)
        return flows.Scope(caller.consumer.service)


async def _problem(request: Request, error: Exception) -> Response:
    media = media_of(request.scope["path"], request.headers.get("accept", ""))
    status, headers, body = problem(error, media)
    return Response(body, status, {k.decode(): v.decode() for k, v in headers})


async def _invalid(request: Request, error: Exception) -> Response:
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    field = ".".join(str(p) for p in first.get("loc", ())[1:]) or "body"
    return await _problem(
        request, InvalidRequest(str(first.get("msg", "invalid")), field=field, value=first.get("input"))
    )


async def _http(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 404:
        return await _problem(request, NotFound(f"there is nothing at {request.url.path}", field="path"))
    if not isinstance(error, HTTPException):
        return await _problem(request, error)
    if error.status_code == 413:
        return await _problem(request, BodyTooLarge("the body has more bytes than are taken", field="body"))
    if error.status_code == 400:
        return await _problem(request, InvalidRequest(str(error.detail), field="body"))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    return Response(b"", error.status_code, headers)


def _allowed(request: Request) -> list[str]:
    """The methods of all routes of a path; the framework knows those of the first one only."""
    asked = ({**request.scope, "method": method} for method in ("DELETE", "GET", "PATCH", "POST", "PUT"))
    return [s["method"] for s in asked if any(r.matches(s)[0] is Match.FULL for r in request.app.router.routes)]
