"""The routes of the temporal API (clauses 6.18 to 6.22 and 6.24), and what they are made of."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import Route

from broker.gateway import Gateway
from broker.local.temporal import TemporalReads
from broker.registry.registry import LOCAL_ID
from broker.settings import Settings
from broker.store.database import Database
from broker.store.temporal import Evolutions
from broker.store.temporal_read import EvolutionReads
from broker.web.reading import Reader
from broker.web.temporal.reads import TemporalViews
from broker.web.temporal.writes import TemporalWrites
from schemas.flow import Provider


def temporal_routes(
    route: Callable[..., list[Route]], reader: Reader, gateway: Gateway, database: Database, settings: Settings
) -> list[Route]:
    """`route`: makes the routes of a path from its name and a handler for each method."""
    local = Provider(LOCAL_ID, settings.organisation or None, settings.area or None)
    views = TemporalViews(TemporalReads(EvolutionReads(database), page=settings.temporal_page), reader, gateway, local)
    writes = TemporalWrites(Evolutions(database), reader)
    temporal = "/ngsi-ld/v1/temporal"
    entity = f"{temporal}/entities/{{entity_id:path}}"
    return [
        *route(f"{temporal}/entities", "evolutions", GET=views.query, POST=writes.create),
        *route(f"{temporal}/entityOperations/query", "evolutions-by-post", POST=views.query_by_post),
        *route(f"{entity}/attrs", "evolution-attributes", POST=writes.add),
        *route(
            f"{entity}/attrs/{{attr_id:path}}/{{instance_id}}",
            "evolution-instance",
            PATCH=writes.modify_instance,
            DELETE=writes.delete_attribute,
        ),
        *route(f"{entity}/attrs/{{attr_id:path}}", "evolution-attribute", DELETE=writes.delete_attribute),
        *route(entity, "evolution", GET=views.retrieve, DELETE=writes.delete),
    ]
