"""Queries over an EntityMap (clauses 5.5.9.3, 5.5.14, 5.7.2.4): what a query finds is written down once, and its pages
are read from that, of the sources that hold the entities of the page and of no others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.federation.engine import Result
from broker.federation.entity_map import LOCAL, answered, credit, holders, linked, questions
from broker.federation.join import combined, follow, noticed
from broker.federation.sight import Sight
from broker.federation.warn import warnings
from broker.gateway.gateway import AskSources, Delivery, Envelope, Gateway
from broker.registry.matching import wanted_types
from broker.store.entity_maps import EntityMaps, Entry, StoredMap
from broker.store.text import storable
from schemas.errors import TooManyResults
from schemas.ngsi_ld.query import EntityQuery

DEFAULT_LIFETIME = timedelta(hours=1)
LONGEST_LIFETIME = timedelta(hours=24)
_LARGEST_CHUNK = 1000


@dataclass(slots=True)
class _Chunk:
    """What came of some entries of a map."""

    parts: list[Result]
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    """Everyone who holds them answered, without them."""


class MappedQueries:
    """One per worker; the maps themselves are in the store, for all of them."""

    def __init__(self, gateway: Gateway, store: EntityMaps) -> None:
        self._gateway = gateway
        self._store = store

    async def create(
        self, query: EntityQuery, asked: EntityQuery, envelope: Envelope, digest: bytes, lifetime: timedelta | None
    ) -> tuple[StoredMap, Delivery]:
        """A new map of everything that matches, and the page that `query` asks for.

        `asked` is the query with what the sources must tell beside what is shown. Errors as of `Gateway.read`;
        TooManyResults if more matches than is read for one answer; StoreUnavailable.
        """
        most = self._gateway.max_collect
        ask = self._gateway.asking(envelope, query.tenant)
        asking = self._gateway.asking(envelope, query.tenant, maps={})
        result = await asking(asked.alter(offset=0, limit=most, count=False, join=None), None)
        if result.more:
            raise TooManyResults(f"an EntityMap has at most {most} entities; narrow the query", field="entityMap")
        held = [(entity, names) for entity, names in holders(result) if storable(entity)]
        stored = await self._store.create(
            query.tenant,
            envelope.caller.consumer.service,
            digest,
            ends_at(lifetime or DEFAULT_LIFETIME),
            held,
            {source: name for source, name in linked([result]).items() if name is not None},
        )
        known = dict(held)
        whole = [entity for entity in result.entities or () if entity["id"] in known]
        end = query.offset + query.limit
        result.entities = whole[query.offset : end]
        result.count, result.more = len(whole), len(whole) > end
        await self._link(result, query, ask)
        credit(result.collected, [entity["id"] for entity in result.entities])
        return stored, await self._settled(result, query, envelope)

    async def one(
        self,
        stored: StoredMap | None,
        query: EntityQuery,
        asked: EntityQuery,
        envelope: Envelope,
        digest: bytes,
        lifetime: timedelta | None,
    ) -> tuple[StoredMap, Delivery]:
        """One entity of the sources that a map has it from, or of all that may hold it, which makes a map (clause
        5.7.1.4). Errors as of `create`."""
        ask = self._gateway.asking(envelope, query.tenant)
        bare = asked.alter(join=None)
        if stored is None:
            result = await self._gateway.asking(envelope, query.tenant, maps={})(bare, None)
            stored = await self._store.create(
                query.tenant,
                envelope.caller.consumer.service,
                digest,
                ends_at(lifetime or DEFAULT_LIFETIME),
                [(entity, names) for entity, names in holders(result) if storable(entity)],
                {source: name for source, name in linked([result]).items() if name is not None},
            )
        else:
            known = {s.id if s.network else LOCAL: s for s in self._gateway.sight(envelope).sources(query.tenant)}
            entries = await self._store.entries(stored.id, ids=query.ids)
            names = {name for entry in entries for name in entry.sources}
            asking = self._gateway.asking(envelope, query.tenant, maps=stored.linked or None)
            result = await asking(bare, [known[name] for name in sorted(names) if name in known])
            await self._store.link(stored.id, linked([result], stored.linked))
        await self._link(result, query, ask)
        return stored, await self._settled(result, query, envelope)

    async def _link(self, result: Result, query: EntityQuery, ask: AskSources) -> None:
        """The entities that those of a page lead to (clause 4.5.23); a map has none of them."""
        if query.join is None:
            return
        parts = [result]
        most = self._gateway.max_collect
        result.linked = await follow(
            result.entities or [], query.join, query, lambda question: ask(question, None), parts, most
        )
        result.collected = combined([c for part in parts for c in part.collected])
        result.notices = noticed(parts)
        result.warnings = warnings(c.outcome for c in result.collected)

    async def page(self, stored: StoredMap, query: EntityQuery, asked: EntityQuery, envelope: Envelope) -> Delivery:
        """The page of a map that `query` asks for, in the order of the map. Errors as of `Gateway.read`.

        What fits the query no longer leaves the map and the page is filled up. What a source holds that does not
        answer keeps its place: the pages before and after are the same with it and without it.
        """
        ask = self._gateway.asking(envelope, query.tenant)
        asking = self._gateway.asking(envelope, query.tenant, maps=stored.linked or None)
        parts: list[Result] = []
        shown: dict[str, dict[str, Any]] = {}
        taken, last, after, offset, size = 0, -1, -1, query.offset, query.limit
        while taken < query.limit:
            entries = await self._store.entries(stored.id, after=after, offset=offset, limit=size, ids=query.ids)
            if not entries:
                break
            chunk = await self._read(entries, asked, asking, self._gateway.sight(envelope))
            parts += chunk.parts
            for entry in entries:
                if entry.entity in chunk.gone or taken == query.limit:
                    continue
                taken, last = taken + 1, entry.position
                if entry.entity in chunk.found:
                    shown[entry.entity] = chunk.found[entry.entity]
            if chunk.gone:
                await self._store.remove(stored.id, [e.position for e in entries if e.entity in chunk.gone])
            after, offset, size = entries[-1].position, 0, min(size * 2, _LARGEST_CHUNK)
        await self._store.link(stored.id, linked(parts, stored.linked))
        for part in parts:
            credit(part.collected, shown)
        collected = combined([c for part in parts for c in part.collected])
        result = Result(
            collected,
            entities=list(shown.values()),
            count=await self._store.count(stored.id, query.ids) if query.count else None,
            warnings=warnings(c.outcome for c in collected),
            project=any(part.project for part in parts),
            notices=noticed(parts),
        )
        await self._link(result, query, ask)
        if taken == query.limit > 0:
            result.more = bool(await self._store.entries(stored.id, after=last, limit=1, ids=query.ids))
        return await self._settled(result, query, envelope)

    async def _read(self, entries: Sequence[Entry], asked: EntityQuery, ask: AskSources, sight: Sight) -> _Chunk:
        known = {s.id if s.network else LOCAL: s for s in sight.sources(asked.tenant)}
        bare = asked.alter(order=None, offset=0, count=False, join=None)
        gone: set[str] = set()
        put = []
        for names, ids in questions((e.entity, e.sources) for e in entries):
            sources = [known[name] for name in names if name in known]
            if sources:
                put.append((ids, ask(bare.alter(ids=ids, limit=len(ids)), sources)))
            else:
                # whoever held them is no longer registered
                gone.update(ids)
        parts = await asyncio.gather(*[answer for _, answer in put])
        found = {entity["id"]: entity for part in parts for entity in part.entities or ()}
        for (ids, _), part in zip(put, parts, strict=True):
            if answered(part):
                gone.update(i for i in ids if i not in found)
        return _Chunk(list(parts), found, frozenset(gone))

    async def _settled(self, result: Result, query: EntityQuery, envelope: Envelope) -> Delivery:
        types = wanted_types(query)
        flows = await self._gateway.settle(
            result, envelope, "retrieve" if query.retrieve else "query", tuple(sorted(types)) if types else ()
        )
        return Delivery(result, flows)


def ends_at(lifetime: timedelta) -> datetime:
    """When a map ends that is made now; a longer life than `LONGEST_LIFETIME` is cut (Table 6.4.3.2-1)."""
    return datetime.now(UTC).replace(microsecond=0) + min(max(lifetime, timedelta(seconds=1)), LONGEST_LIFETIME)


def bounded(expires_at: datetime) -> datetime:
    """An end that was asked for, not later than a new map's may be."""
    return min(expires_at, ends_at(LONGEST_LIFETIME))
