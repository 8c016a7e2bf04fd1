"""EntityMaps of temporal queries (clauses 5.7.4, 5.14.5, 6.35): `entityMap`, `NGSILD-EntityMap`, and the maps alone.

They are read, changed and deleted at `/ngsi-ld/v1/entityMaps`.
"""

from __future__ import annotations

from broker.gateway.evolutions import Told
from broker.gateway.mapped_evolutions import MappedEvolutions
from broker.store.entity_maps import EntityMaps, StoredMap
from broker.web import entity_map_parts as parts
from broker.web.consumption.entities import add_provenance
from broker.web.endpoint import Call, Reply
from broker.web.reading import tenant
from broker.web.temporal.questions import Question, Questions

_IRRELEVANT = frozenset({"limit", "offset", "count"})


class TemporalMaps:
    """The handlers. A map is its service's own."""

    def __init__(self, mapped: MappedEvolutions, store: EntityMaps, questions: Questions) -> None:
        self._mapped = mapped
        self._store = store
        self._questions = questions

    async def create(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/temporal/entityMaps` (clause 6.35.3.1): the map instead of a page."""
        return await self._made(call, await self._questions.by_get(call, _IRRELEVANT))

    async def create_by_post(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/temporal/entityMaps` (clause 6.35.3.2)."""
        return await self._made(call, await self._questions.by_post(call, _IRRELEVANT))

    async def _made(self, call: Call, asked: Question) -> Reply:
        lifetime = parts.lifetime(asked.own)
        stored, answered = await self._mapped.create(asked.envelope, tenant(call), asked.query, asked.digest, lifetime)
        told = await self._mapped.settle(answered, asked.envelope, asked.query)
        reply = await parts.document(self._store, stored, asked.media, 201)
        add_provenance(reply.headers, told.delivery)
        reply.headers.append(parts.location(stored))
        return reply

    async def page(self, call: Call, asked: Question) -> tuple[Told, StoredMap, bool] | None:
        """A page of the map that the call names or wants, and whether that was made for it; None if it does neither."""
        named = call.header(b"ngsild-entitymap")
        if not parts.wanted(asked.own) and named is None:
            return None
        space, query, envelope = tenant(call), asked.query, asked.envelope
        stored = await parts.find(self._store, named, space, envelope.caller)
        if stored is not None:
            parts.same_question(stored, asked.digest, named)
            return await self._mapped.page(stored, envelope, space, query), stored, False
        lifetime = parts.lifetime(asked.own)
        stored, answered = await self._mapped.create(envelope, space, query, asked.digest, lifetime)
        return await self._mapped.page(stored, envelope, space, query, answered), stored, True

    async def one(self, call: Call, asked: Question, entity: str) -> tuple[Told, StoredMap] | None:
        """One evolution of those that the map which the call names has it from, whichever question made that, or with a
        map of its own; None if the call has nothing to do with maps."""
        named = call.header(b"ngsild-entitymap")
        if not parts.wanted(asked.own) and named is None:
            return None
        space, envelope = tenant(call), asked.envelope
        stored = await parts.find(self._store, named, space, envelope.caller)
        lifetime = parts.lifetime(asked.own)
        stored, told = await self._mapped.one(stored, envelope, space, asked.query, entity, asked.digest, lifetime)
        return told, stored
