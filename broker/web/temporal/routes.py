"""The routes of the temporal API (clauses 6.18 to 6.22 and 6.24), and what they are made of."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import Route

from broker.gateway.evolutions import FederatedEvolutions
from broker.gateway.gateway import Gateway
from broker.gateway.mapped_evolutions import MappedEvolutions
from broker.local.temporal import TemporalReads
from broker.settings import Settings
from broker.store.database import Database
from broker.store.entity_maps import EntityMaps
from broker.store.temporal import Evolutions
from broker.store.temporal_read import EvolutionReads
from broker.web.endpoint import Handler
from broker.web.provision.distribution import Distribution
from broker.web.reading import Reader
from broker.web.temporal.maps import TemporalMaps
from broker.web.temporal.questions import Questions
from broker.web.temporal.reads import TemporalViews
from broker.web.temporal.writes import TemporalWrites


def temporal_routes(
    route: Callable[..., list[Route]],
    reader: Reader,
    gateway: Gateway,
    database: Database,
    settings: Settings,
    distribution: Distribution,
    once: Callable[[Handler], Handler],
) -> list[Route]:
    """`route`: makes the routes of a path from its name and a handler for each method. `once`: makes of the handler of
    a write one that does it once, by however many ways it comes."""
    reads = TemporalReads(EvolutionReads(database), page=settings.temporal_page)
    evolutions, stored = FederatedEvolutions(gateway, reads), EntityMaps(database)
    questions = Questions(reader)
    maps = TemporalMaps(MappedEvolutions(evolutions, stored), stored, questions)
    views = TemporalViews(evolutions, maps, questions)
    writes = TemporalWrites(Evolutions(database), distribution, reader)
    temporal = "/ngsi-ld/v1/temporal"
    entity = f"{temporal}/entities/{{entity_id:path}}"
    return [
        *route(f"{temporal}/entities", "evolutions", GET=views.query, POST=once(writes.create)),
        *route(f"{temporal}/entityMaps", "temporal-entity-maps", GET=maps.create, POST=maps.create_by_post),
        *route(f"{temporal}/entityOperations/query", "evolutions-by-post", POST=views.query_by_post),
        *route(f"{entity}/attrs", "evolution-attributes", POST=once(writes.add)),
        *route(
            f"{entity}/attrs/{{attr_id:path}}/{{instance_id}}",
            "evolution-instance",
            PATCH=once(writes.modify_instance),
            DELETE=once(writes.delete_attribute),
        ),
        *route(f"{entity}/attrs/{{attr_id:path}}", "evolution-attribute", DELETE=once(writes.delete_attribute)),
        *route(entity, "evolution", GET=views.retrieve, DELETE=once(writes.delete)),
    ]
