"""The table of routes. NGSI-LD's stand as raw ASGI in front of FastAPI, which has the administration and its page."""

from __future__ import annotations

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.gateway.permits import Permits
from broker.store.discovery import LocalDiscovery
from broker.store.entity_maps import EntityMaps
from broker.store.temporal import Evolutions
from broker.web.administration.application import Announced, administration
from broker.web.consumption.discovery import Discovery
from broker.web.consumption.entities import EntityReads
from broker.web.consumption.entity_maps import EntityMapReads
from broker.web.consumption.query_post import QueryByPost
from broker.web.contexts import StoredContexts
from broker.web.counted import Counted
from broker.web.csources import ContextSources
from broker.web.endpoint import Endpoint, Handler
from broker.web.health import Health
from broker.web.info import Info
from broker.web.parts import Parts
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
        "areas",
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


def assemble(parts: Parts) -> list[BaseRoute]:
    """All routes, the hot ones first."""
    reader = Reader(
        parts.callers,
        parts.contexts,
        parts.settings.max_query_bytes,
        parts.settings.max_body_bytes,
        parts.settings.public_url,
        parts.settings.split_entities,
    )
    reads = EntityReads(parts.gateway, reader)
    entity_maps = EntityMaps(parts.database)
    maps = EntityMapReads(parts.gateway, entity_maps, reads, reader)
    discovery = Discovery(parts.gateway, reader, reads, LocalDiscovery(parts.database))
    by_post = QueryByPost(reader, maps)
    permits = Permits(parts.gateway, parts.entities, Evolutions(parts.database), parts.tenants.knows)
    writer = Writer(parts.entities, reader, parts.wrote, parts.gateway, permits)
    provision, attributes, batches = Provision(writer), Attributes(writer), Batches(writer)
    once = Once(parts.settings.max_body_bytes).of
    purge = Purge(writer, parts.gateway, entity_maps)
    sources = ContextSources(parts.enrolment, parts.counting, reader)
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
        _Hot(f"{ngsi}/entities", entities, entity),
        Route(f"{ngsi}/entities", entities, name="entities"),
        Route(f"{ngsi}/entities/", Collection(entities, entity)),
        *served(f"{one}/attrs", "attributes", attribute),
        *served(f"{one}/attrs/{{attr_id:path}}", "attribute", attribute),
        *served(one, "entity", entity),
        *route(f"{ngsi}/entityMaps", "entity-maps", GET=maps.create, POST=by_post.create_map),
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
        *temporal_routes(route, reader, parts.gateway, parts.database, parts.settings, writer.distribution, once),
        *route("/federation/explain", "explain", GET=discovery.explain),
        *route("/health/live", "live", GET=health.live),
        *route("/health/ready", "ready", GET=health.ready),
        *route("/metrics", "metrics", GET=health.metrics),
        _Rest(
            Counted(
                Announced(administration(parts, reader), parts.callers, most=parts.settings.max_body_bytes),
                parts.metrics,
                _ADMINISTRATION,
                access_log=parts.settings.access_log,
            )
        ),
    ]


class _Hot(BaseRoute):
    """A short cut to what is asked most, all entities and one, which the routes below it would find by the regular
    expressions of six of them. What may have another meaning is theirs."""

    def __init__(self, path: str, entities: Endpoint, entity: Endpoint) -> None:
        self._path = path
        self._below = path + "/"
        self._entities = entities
        self._entity = entity

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope.get("path", "")
        if path == self._path:
            return Match.FULL, {"path_params": {}}
        name = path.removeprefix(self._below)
        if name and name != path and "/" not in name and "\n" not in name:
            return Match.FULL, {"path_params": {"entity_id": name}}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._entity if scope["path_params"] else self._entities
        await endpoint(scope, receive, send)


class _Rest(BaseRoute):
    """All that no route before it takes. A `Mount` would leave out paths with a line break, for a 404 in plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
