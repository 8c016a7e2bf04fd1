"""The table of routes. NGSI-LD's stand as raw ASGI in front of FastAPI, which has the administration and its page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.contexts.loader import ContextLoader
from broker.contexts.shelf import Shelf
from broker.gateway.gateway import Gateway
from broker.gateway.notifying import Notifying
from broker.harvest.catalogue import Catalogue
from broker.identity.agreements.desk import Desk
from broker.identity.callers import Callers
from broker.identity.secrets import SecretBox
from broker.kpi.programme import Programme
from broker.kpi.push import Pusher
from broker.registry.enrolment import Enrolment
from broker.registry.registry import Registry
from broker.registry.tenants import Tenants
from broker.settings import Settings
from broker.store.database import Database
from broker.store.discovery import LocalDiscovery
from broker.store.entities import Entities
from broker.store.entity_maps import EntityMaps
from broker.store.kpi_feed import KpiFeed
from broker.store.temporal import Evolutions
from broker.web.administration import agreements, flows, kpi_feed, ledger, platforms, projects
from broker.web.administration.kpi_access import KpiAccess
from broker.web.catalog.routes import catalog_routes
from broker.web.consumption.discovery import Discovery
from broker.web.consumption.entities import EntityReads
from broker.web.consumption.entity_maps import EntityMapReads
from broker.web.consumption.query_post import QueryByPost
from broker.web.contexts import StoredContexts
from broker.web.counted import Counted
from broker.web.csources import ContextSources
from broker.web.endpoint import Endpoint, Handler, fold
from broker.web.health import Health
from broker.web.info import Info
from broker.web.metrics import Metrics
from broker.web.openapi.document import DocumentedApp
from broker.web.problems import problem
from broker.web.provision.attributes import Attributes
from broker.web.provision.batch import Batches
from broker.web.provision.calls import Writer
from broker.web.provision.entities import Provision
from broker.web.provision.once import Once
from broker.web.provision.paths import AttributePaths, Collection
from broker.web.provision.purge import Purge
from broker.web.reading import Reader
from broker.web.subscriptions.routes import subscription_routes
from broker.web.temporal.ending import ending
from broker.web.temporal.routes import temporal_routes
from schemas.errors import BodyTooLarge, InvalidRequest, KakehashiError, NotFound
from schemas.roles import Role

_NGSI = "/ngsi-ld/v1"
_POST = frozenset({"POST"})
_CREATING = frozenset(
    f"{_NGSI}/{path}"
    for path in (
        "entities",
        "entityOperations/create",
        "entityOperations/upsert",
        "temporal/entities",
        "temporal/entityOperations/upsert",
        "subscriptions",
        "csourceRegistrations",
        "csourceSubscriptions",
    )
)
"""What makes a tenant that was not there (clause 5.5.10)."""
_ADMINISTRATION = frozenset(
    {
        "agreements",
        "cadde",
        "catalog",
        "ckan",
        "docs",
        "flows",
        "kpi",
        "ledger",
        "openapi.json",
        "platforms",
        "projects",
    }
)
_TENANTLESS = (f"{_NGSI}/jsonldContexts", f"{_NGSI}/info/")


def _in_tenant(path: str) -> bool:
    """True if a path is answered only for a tenant that exists."""
    return path.startswith(f"{_NGSI}/") and not path.startswith(_TENANTLESS)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root lends to the web."""

    gateway: Gateway
    enrolment: Enrolment
    registry: Registry
    callers: Callers
    contexts: ContextLoader
    shelf: Shelf
    tenants: Tenants
    desk: Desk
    entities: Entities
    notifying: Notifying
    box: SecretBox
    database: Database
    metrics: Metrics
    settings: Settings
    programme: Programme
    pusher: Pusher
    wrote: Callable[[str, frozenset[str]], Awaitable[None]]
    missing: Callable[[], Awaitable[list[str]]]
    catalogue: Catalogue


def assemble(parts: Parts) -> list[BaseRoute]:
    """All routes, the hot ones first."""
    reader = Reader(
        parts.callers,
        parts.contexts,
        parts.settings.max_query_bytes,
        parts.settings.max_body_bytes,
        parts.settings.public_url,
    )
    reads = EntityReads(parts.gateway, reader)
    maps = EntityMapReads(parts.gateway, EntityMaps(parts.database), reads, reader)
    discovery = Discovery(parts.gateway, reader, reads, LocalDiscovery(parts.database))
    by_post = QueryByPost(reader, maps)
    writer = Writer(parts.entities, reader, parts.wrote, parts.gateway)
    provision, attributes, batches = Provision(writer), Attributes(writer), Batches(writer)
    once = Once(parts.settings.max_body_bytes).of
    purge = Purge(writer, parts.gateway)
    sources = ContextSources(parts.enrolment, parts.registry, reader)
    health = Health(parts.metrics, parts.missing)
    stored = StoredContexts(parts.shelf, parts.contexts, reader)
    info = Info(parts.gateway.alias, reader)

    def endpoint(path: str, name: str, **methods: Handler) -> Endpoint:
        return Endpoint(
            name,
            parts.metrics,
            access_log=parts.settings.access_log,
            tenants=parts.tenants if _in_tenant(path) else None,
            identify=parts.callers.identify,
            creates=_POST if path in _CREATING else frozenset(),
            prepare=parts.callers.prepare if parts.settings.oidc_issuer else None,
            **methods,
        )

    def route(path: str, name: str, **methods: Handler) -> list[Route]:
        return served(path, name, endpoint(path, name, **methods))

    def served(path: str, name: str, app: ASGIApp) -> list[Route]:
        """The route, and the same with a slash at its end, which many clients put there."""
        slashed = [] if path.endswith("}") else [Route(path + "/", app)]
        return [Route(path, app, name=name), *slashed]

    ngsi = _NGSI
    one = f"{ngsi}/entities/{{entity_id:path}}"
    entities = endpoint(
        f"{ngsi}/entities", "entities", GET=maps.query, POST=once(provision.create), DELETE=once(purge.purge)
    )
    entity = endpoint(
        one,
        "entity",
        GET=maps.entity,
        PUT=once(provision.replace),
        PATCH=once(provision.merge),
        DELETE=once(provision.delete),
    )
    attribute = AttributePaths(
        entity,
        endpoint(f"{one}/attrs", "attributes", POST=once(attributes.append), PATCH=once(attributes.update)),
        endpoint(
            f"{one}/attrs/{{attr_id:path}}",
            "attribute",
            PATCH=once(attributes.update_one),
            PUT=once(attributes.replace_one),
            DELETE=ending(once(attributes.delete_one), Evolutions(parts.database), reader),
        ),
    )
    return [
        Route(f"{ngsi}/entities", entities, name="entities"),
        Route(f"{ngsi}/entities/", Collection(entities, entity)),
        *served(f"{one}/attrs", "attributes", attribute),
        *served(f"{one}/attrs/{{attr_id:path}}", "attribute", attribute),
        *served(one, "entity", entity),
        *route(f"{ngsi}/entityMaps", "entity-maps", GET=maps.create),
        *route(
            f"{ngsi}/entityMaps/{{map_id:path}}", "entity-map", GET=maps.retrieve, PATCH=maps.update, DELETE=maps.delete
        ),
        *route(f"{ngsi}/types", "types", GET=discovery.types),
        *route(f"{ngsi}/types/{{type_name:path}}", "type", GET=discovery.type),
        *route(f"{ngsi}/attributes", "attributes", GET=discovery.attributes),
        *route(f"{ngsi}/attributes/{{attribute_name:path}}", "attribute", GET=discovery.attribute),
        *route(f"{ngsi}/entityOperations/query", "query-by-post", POST=by_post.query),
        *route(f"{ngsi}/entityOperations/create", "batch-create", POST=once(batches.create)),
        *route(f"{ngsi}/entityOperations/upsert", "batch-upsert", POST=once(batches.upsert)),
        *route(f"{ngsi}/entityOperations/update", "batch-update", POST=once(batches.update)),
        *route(f"{ngsi}/entityOperations/merge", "batch-merge", POST=once(batches.merge)),
        *route(f"{ngsi}/entityOperations/delete", "batch-delete", POST=once(batches.delete)),
        *route(f"{ngsi}/csourceRegistrations", "registrations", GET=sources.query, POST=sources.create),
        *route(
            f"{ngsi}/csourceRegistrations/{{registration_id:path}}",
            "registration",
            GET=sources.retrieve,
            PATCH=sources.update,
            DELETE=sources.delete,
        ),
        *route(f"{ngsi}/jsonldContexts", "contexts", GET=stored.list, POST=stored.add),
        *route(f"{ngsi}/jsonldContexts/{{context_id:path}}", "context", GET=stored.serve, DELETE=stored.delete),
        *subscription_routes(route, parts.notifying, parts.box, reader, parts.gateway),
        *route(f"{ngsi}/info/sourceIdentity", "identity", GET=info.identity),
        *route(f"{ngsi}/info/conformance", "conformance", GET=info.conformance),
        *route("/.well-known/ngsi-ld", "discovery", GET=info.discovery),
        *temporal_routes(route, reader, parts.gateway, parts.database, parts.settings),
        *route("/federation/explain", "explain", GET=discovery.explain),
        *route("/health/live", "live", GET=health.live),
        *route("/health/ready", "ready", GET=health.ready),
        *route("/metrics", "metrics", GET=health.metrics),
        _Rest(
            Counted(
                _Announced(administration(parts, reader), parts.callers, most=parts.settings.max_body_bytes),
                parts.metrics,
                _ADMINISTRATION,
                access_log=parts.settings.access_log,
            )
        ),
    ]


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
    feed = KpiFeed(parts.database)
    app.include_router(kpi_feed.routes(parts.programme, feed, parts.pusher, access))
    app.add_exception_handler(KakehashiError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _problem)
    return app


class _Rest(BaseRoute):
    """All that no route before it takes. A `Mount` would leave out paths with a line break, for a 404 in plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _Announced:
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
        else:
            await self._callers.prepare(fold(scope["headers"]))
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
    status, headers, body = problem(error)
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
