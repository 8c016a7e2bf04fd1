"""What notifying asks of the gateway: the same sources, the same narrowing, the same flows as for a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.federation.engine import Result
from broker.federation.join import combined, follow, joined
from broker.gateway.gateway import Envelope, Gateway
from broker.identity.callers import Caller
from broker.notify.ports import Entity, Found, Occasion, Permitted
from broker.registry.matching import wanted_types
from broker.registry.source import Source
from schemas.agreement import Operation
from schemas.flow import NO_SERVICES, Flow, Provider
from schemas.narrowing import Clause, visible
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.linked import Join
from schemas.ngsi_ld.query import EntityQuery
from schemas.outcome import Status

OPERATION = "notify"
ADMINISTRATION = NO_SERVICES[1]
_MOST = 4096


class SubscribedSources:
    """`broker.notify.ports.Sources` over the gateway. `provider`: whose the local store is; `open_access`: everyone may
    see everything."""

    def __init__(self, gateway: Gateway, provider: Provider, *, open_access: bool) -> None:
        self._gateway = gateway
        self._provider = provider
        self._open = open_access
        self._local: dict[str, Source] = {}

    async def query(self, query: EntityQuery, occasion: Occasion) -> Found:
        envelope = self._envelope(occasion)
        ask = self._gateway.asking(envelope, occasion.tenant, Operation.SUBSCRIBE)
        asked = query.alter(limit=self._gateway.max_collect)
        if asked.join is None:
            result = await ask(asked, None)
        else:
            result = await joined(asked, lambda q: ask(q, None), most=self._gateway.max_collect)
        types = wanted_types(query)
        await self._gateway.settle(result, envelope, OPERATION, tuple(sorted(types)) if types else ())
        return Found(result.entities or [], result.linked)

    async def linked(
        self, entities: Sequence[Entity], join: Join, query: EntityQuery, occasion: Occasion
    ) -> Mapping[str, Entity]:
        envelope = self._envelope(occasion)
        ask = self._gateway.asking(envelope, occasion.tenant, Operation.SUBSCRIBE)
        parts: list[Result] = []
        found = await follow(entities, join, query, lambda q: ask(q, None), parts, self._gateway.max_collect)
        # the local store's part is recorded with the entities that changed
        network = [c for part in parts for c in part.collected if c.step.source.network]
        if network:
            await self._gateway.settle(Result(combined(network)), envelope, OPERATION, ())
        return found

    async def permitted(self, entities: Sequence[Entity], occasion: Occasion, context: Context) -> Permitted:
        sight = self._gateway.sight(self._envelope(occasion), Operation.SUBSCRIBE)
        if sight.rights is None:
            return Permitted(entities)
        source = self._held(occasion)
        clauses = () if source is None else sight.clauses(source)
        agreements = self._gateway.agreements
        rows, used = _all_seen(entities, clauses, context)
        bounded = [clause for clause in used if clause.quota.bounded]
        if bounded:
            spent = await agreements.quotas.admit(bounded, len(rows))
            agreements.quotas.release([c for c in bounded if c.agreement not in spent], len(rows))
            if spent:
                rows, used = _all_seen(entities, [c for c in clauses if c.agreement not in spent], context)
        for clause in used:
            # Forbidden if it has just ended
            agreements.check(clause)
        return Permitted(rows, used)

    async def settle(
        self, occasion: Occasion, permitted: Permitted, types: tuple[str, ...], entities: int, size: int
    ) -> None:
        source = self._held(occasion)
        for clause in permitted.clauses:
            self._gateway.agreements.quotas.spent(clause, entities)
        by = next(iter(permitted.clauses), None)
        flow = Flow(
            id=occasion.id,
            request=occasion.id,
            time=occasion.time,
            operation=OPERATION,
            consumer=occasion.consumer,
            provider=self._provider if source is None else source.provider,
            types=types,
            entities=entities,
            bytes=size,
            outcome=Status.OK.value,
            latency_ms=0.0,
            agreement=None if by is None else by.agreement,
            agreement_version=None if by is None else by.version,
        )
        await self._gateway.settler.settle([flow])

    def _held(self, occasion: Occasion) -> Source | None:
        """Whose entities they are: a platform, or the tenant's local store as a source; that as it was last, if its
        last entity has just gone."""
        if occasion.platform is not None:
            return self._gateway.registry.source(occasion.platform)
        tenant = occasion.tenant
        found = next((s for s in self._gateway.registry.sources(tenant) if not s.network), None)
        if found is None:
            return self._local.get(tenant)
        if len(self._local) >= _MOST and tenant not in self._local:
            self._local.clear()
        self._local[tenant] = found
        return found

    def _envelope(self, occasion: Occasion) -> Envelope:
        # what a subscriber may do is decided now, not by who it was when it subscribed
        admin = self._open or occasion.consumer.service == ADMINISTRATION
        return Envelope(occasion.id, occasion.time, Caller(occasion.consumer, admin=admin))


def _all_seen(
    entities: Sequence[Entity], clauses: Sequence[Clause], context: Context
) -> tuple[list[Entity | None], list[Clause]]:
    """What the clauses show, and those that are agreements' and show something."""
    used: dict[str, Clause] = {}
    rows = [_seen(entity, clauses, context, used) for entity in entities]
    return rows, list(used.values())


def _seen(entity: Entity, clauses: Sequence[Clause], context: Context, used: dict[str, Clause]) -> Entity | None:
    """What any of the clauses shows of an entity."""
    shown: Entity | None = None
    for clause in clauses:
        part = visible(entity, clause, context)
        if part is not None:
            if clause.agreement is not None:
                used[clause.agreement] = clause
            shown = part if shown is None or part is entity else {**shown, **part} if shown is not entity else shown
    return shown
