"""Temporal queries over an EntityMap (clauses 5.5.9.3, 5.7.4, 5.14.5): what they find is written down once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from broker.federation.entity_map import IDS_IN_A_QUESTION
from broker.gateway.entity_maps import DEFAULT_LIFETIME, ends_at
from broker.gateway.evolutions import Answered, FederatedEvolutions, Told
from broker.gateway.gateway import Envelope
from broker.local.temporal import Evolved
from broker.store.entity_maps import EntityMaps, StoredMap
from broker.store.text import storable
from schemas.errors import BadRequestData
from schemas.ngsi_ld.temporal import Selector, TemporalQuery
from schemas.outcome import Status

_TRIES = 5
"""Times that a page is asked for again, since entities of it fit the query no longer."""
_WHOLE = (Status.OK, Status.EMPTY)


class MappedEvolutions:
    """One per worker; the maps themselves are in the store, for all of them."""

    def __init__(self, evolutions: FederatedEvolutions, store: EntityMaps) -> None:
        self._evolutions = evolutions
        self._store = store

    async def create(
        self, envelope: Envelope, tenant: str, query: TemporalQuery, digest: bytes, lifetime: timedelta | None
    ) -> tuple[StoredMap, Answered]:
        """A new map of everything that the query finds; what the sources did is to be settled. Errors as of
        `FederatedEvolutions.retrieve`."""
        return await self._surveyed(envelope, tenant, query, None, digest, lifetime)

    async def one(
        self,
        stored: StoredMap | None,
        envelope: Envelope,
        tenant: str,
        query: TemporalQuery,
        entity: str,
        digest: bytes,
        lifetime: timedelta | None,
    ) -> tuple[StoredMap, Told]:
        """The evolution of one entity, of those that a map has it from, or of all that have it, which makes a map
        (clause 5.7.3.4). Errors as of `create`."""
        before = None
        if stored is None:
            stored, before = await self._surveyed(envelope, tenant, query, entity, digest, lifetime)
        holders = {name for entry in await self._store.entries(stored.id, ids=(entity,)) for name in entry.sources}
        answered = await self._evolutions.ask(envelope, tenant, query, entity, holders=holders)
        if before is not None:
            answered.collected[:0] = before.collected
        return stored, await self._evolutions.settle(answered, envelope, query, entity)

    async def _surveyed(
        self,
        envelope: Envelope,
        tenant: str,
        query: TemporalQuery,
        entity: str | None,
        digest: bytes,
        lifetime: timedelta | None,
    ) -> tuple[StoredMap, Answered]:
        answered = await self._evolutions.ask(envelope, tenant, query, entity, survey=True)
        stored = await self._store.create(
            tenant,
            envelope.caller.consumer.service,
            digest,
            ends_at(lifetime or DEFAULT_LIFETIME),
            [(name, sources) for name, sources in answered.holders if storable(name)],
        )
        return stored, answered

    async def settle(self, answered: Answered, envelope: Envelope, query: TemporalQuery) -> Told:
        return await self._evolutions.settle(answered, envelope, query)

    async def page(
        self, stored: StoredMap, envelope: Envelope, tenant: str, query: TemporalQuery, before: Answered | None = None
    ) -> Told:
        """The page of a map that `query` asks for, of those who hold its entities. What fits the query no longer leaves
        the map, and the page is filled up. `before`: what was asked for the map itself."""
        own = tuple(name for one in query.selectors for name in one.ids)
        collected = [] if before is None else list(before.collected)
        limit = query.limit
        if limit > IDS_IN_A_QUESTION:
            raise BadRequestData(
                f"with an EntityMap limit is at most {IDS_IN_A_QUESTION}", field="limit", value=limit, clause="6.3.10"
            )
        found = Evolved([])
        notices = () if before is None else before.notices
        for _ in range(_TRIES):
            entries = await self._store.entries(stored.id, offset=query.offset, limit=limit + 1, ids=own)
            page = entries[:limit]
            if not page:
                break
            ids = tuple(entry.entity for entry in page)
            selectors = tuple(replace(one, ids=ids, pattern=None) for one in query.selectors) or (Selector(ids),)
            narrowed = replace(query, selectors=selectors, offset=0, limit=len(ids), count=False)
            holders = {name for entry in page for name in entry.sources}
            answered = await self._evolutions.ask(envelope, tenant, narrowed, holders=holders)
            collected += answered.collected
            notices = tuple(dict.fromkeys((*notices, *answered.notices)))
            found = replace(answered.found, more=len(entries) > limit)
            gone = [entry.position for entry in page if entry.entity not in answered.ids]
            if not gone or not all(c.outcome.status in _WHOLE for c in answered.collected):
                break
            await self._store.remove(stored.id, gone)
        count = await self._store.count(stored.id, own) if query.count else None
        whole = Answered(replace(found, count=count), collected, notices=notices)
        return await self._evolutions.settle(whole, envelope, query)
