"""`entityMap` and `NGSILD-EntityMap` of reading entities, and `/ngsi-ld/v1/entityMaps` (clauses 5.14, 6.32, 6.34)."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

import msgspec

from broker.gateway.entity_maps import MappedQueries, bounded
from broker.gateway.gateway import Envelope, Gateway
from broker.identity.callers import Caller
from broker.store.entity_maps import EntityMaps, StoredMap
from broker.web import entity_map_parts as parts
from broker.web.consumption.entities import (
    EntityReads,
    add_provenance,
    formed,
    told,
    told_one,
)
from broker.web.endpoint import Call, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.paging import page_links
from broker.web.reading import Reader, accepted, tenant
from broker.web.rendering import widened
from schemas.errors import BadRequestData, InvalidRequest, NotFound, OperationNotSupported
from schemas.ngsi_ld.instants import is_datetime, read_datetime
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.params import parse_query, parse_retrieve
from schemas.ngsi_ld.query import EntityQuery, Rendering

FREE = frozenset({"id", "limit", "offset", "count", "options", "format", "lang", "geometryProperty", "datasetId"})
"""What may differ from page to page: identifiers, paging (clause 5.5.14), and how the entities look."""
IRRELEVANT = frozenset({"limit", "offset", "count", "geometryProperty"})


@dataclass(frozen=True, slots=True)
class Asking:
    """A parsed query. `digest`: of what makes it the same question (clause 5.5.14)."""

    envelope: Envelope
    query: EntityQuery
    rendering: Rendering
    media: Media
    digest: bytes


class EntityMapReads:
    """The handlers. A map is its service's own; for others, and in other tenants, it is not there."""

    def __init__(self, gateway: Gateway, store: EntityMaps, reads: EntityReads, reader: Reader) -> None:
        self._mapped = MappedQueries(gateway, store)
        self._store = store
        self._reads = reads
        self._reader = reader

    def query(self, call: Call) -> Awaitable[Reply]:
        """`GET /ngsi-ld/v1/entities`; a query that has nothing to do with a map goes its own way."""
        if b"entityMap" in call.scope["query_string"] or b"ngsild-entitymap" in call.headers:
            return self._query(call)
        return self._reads.query(call)

    async def _query(self, call: Call) -> Reply:
        caller = self._reader.caller(call)
        media = accepted(call)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        own = parts.own_of(params)
        query, rendering = parse_query(
            params,
            context,
            tenant=tenant(call),
            geojson=media is Media.GEOJSON,
            split=self._reader.split_entities,
        )
        asking = Asking(
            self._reader.envelope(call, caller),
            query,
            formed(rendering, media, call.headers.get(b"prefer", b"")),
            media,
            parts.digest(params, context, FREE),
        )
        return await self.answer(call, asking, own)

    async def answer(self, call: Call, asking: Asking, own: Mapping[str, str]) -> Reply:
        """A page of a query, from a map where one is wanted or named."""
        query, rendering, media, envelope = asking.query, asking.rendering, asking.media, asking.envelope
        named = call.header(b"ngsild-entitymap")
        if not parts.wanted(own) and named is None:
            reply, result = await self._reads.answer(envelope, query, rendering, media)
        else:
            asked = _asked(query, rendering)
            stored = await parts.find(self._store, named, query.tenant, envelope.caller)
            if stored is None:
                stored, delivery = await self._mapped.create(query, asked, envelope, asking.digest, parts.lifetime(own))
                status = 201
            else:
                parts.same_question(stored, asking.digest, named)
                delivery, status = await self._mapped.page(stored, query, asked, envelope), 200
            reply, result = told(delivery, asked, query, rendering, media), delivery.result
            reply.status = max(reply.status, status) if status == 200 else status
            reply.headers.append(parts.location(stored))
        reply.headers += page_links(call, offset=query.offset, limit=query.limit, more=result.more, media=media)
        return reply

    def entity(self, call: Call) -> Awaitable[Reply]:
        """`GET /ngsi-ld/v1/entities/{id}`; one that has nothing to do with a map goes its own way."""
        if b"entityMap" in call.scope["query_string"] or b"ngsild-entitymap" in call.headers:
            return self._entity(call)
        return self._reads.retrieve(call)

    async def _entity(self, call: Call) -> Reply:
        """Clause 5.7.1.4: the map tells who holds the entity, whichever question made it."""
        caller = self._reader.caller(call)
        media = accepted(call)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        own = parts.own_of(params)
        query, rendering = parse_retrieve(
            call.path["entity_id"], params, context, tenant=tenant(call), geojson=media is Media.GEOJSON
        )
        rendering = formed(rendering, media, call.headers.get(b"prefer", b""))
        envelope = self._reader.envelope(call, caller)
        named = call.header(b"ngsild-entitymap")
        asked = widened(query, rendering)
        if not parts.wanted(own) and named is None:
            return await self._reads.retrieve(call)
        stored = await parts.find(self._store, named, query.tenant, caller)
        digest = parts.digest(params | {"": query.ids[0]}, context, FREE)
        stored, delivery = await self._mapped.one(stored, query, asked, envelope, digest, parts.lifetime(own))
        reply = told_one(call, delivery, asked, query, rendering, media)
        reply.headers.append(parts.location(stored))
        return reply

    async def create(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/entityMaps` (clause 5.14.4): the map instead of a page."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        own = parts.own_of(params)
        # clause 5.14.4.3: they are irrelevant
        params = {name: value for name, value in params.items() if name not in IRRELEVANT}
        query, rendering = parse_query(params, context, tenant=tenant(call), split=self._reader.split_entities)
        envelope = self._reader.envelope(call, caller)
        return await self.made(Asking(envelope, query, rendering, media, parts.digest(params, context, FREE)), own)

    async def made(self, asking: Asking, own: Mapping[str, str]) -> Reply:
        """The new map of a query; of the entities themselves nothing is delivered."""
        asked = _asked(asking.query, asking.rendering)
        stored, delivery = await self._mapped.create(
            asking.query.alter(limit=0), asked, asking.envelope, asking.digest, parts.lifetime(own)
        )
        reply = await parts.document(self._store, stored, asking.media, 201)
        add_provenance(reply.headers, delivery)
        reply.headers.append(parts.location(stored))
        return reply

    async def retrieve(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/entityMaps/{id}` (clause 5.14.1)."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        _known(self._reader.parameters(call))
        return await parts.document(self._store, await self._get(call, caller), media, 200)

    async def update(self, call: Call) -> Reply:
        """`PATCH /ngsi-ld/v1/entityMaps/{id}` (clause 5.14.2): only when it ends can be said."""
        caller = self._reader.caller(call)
        _known(self._reader.parameters(call))
        document, _ = await self._reader.document(call)
        stored = await self._get(call, caller)
        if not isinstance(document, dict):
            raise InvalidRequest("the body is a JSON object", field="body", clause="5.14.2.3")
        if document.get("type", "EntityMap") != "EntityMap":
            raise BadRequestData("the type is EntityMap", field="type", value=document["type"], clause="5.2.39")
        if "expiresAt" in document:
            given = document["expiresAt"]
            at = read_datetime(given) if is_datetime(given) else None
            if at is None:
                raise BadRequestData("expiresAt is a DateTime in UTC", field="expiresAt", value=given, clause="4.6.3")
            await self._store.prolong(stored.id, bounded(at))
        return Reply(204)

    async def delete(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/entityMaps/{id}` (clause 5.14.3)."""
        caller = self._reader.caller(call)
        _known(self._reader.parameters(call))
        await self._store.delete((await self._get(call, caller)).id)
        return Reply(204)

    async def _get(self, call: Call, caller: Caller) -> StoredMap:
        name = call.path["map_id"]
        if not is_uri(name):
            raise BadRequestData("the id of an EntityMap is a URI", field="id", value=name, clause="5.14.1.4")
        stored = await parts.find(self._store, name, tenant(call), caller)
        if stored is None:
            raise NotFound("there is no such EntityMap, or it has expired", field="id", value=name, clause="5.14.1.4")
        return stored


def _asked(query: EntityQuery, rendering: Rendering) -> EntityQuery:
    """What the sources are asked: with the ids, whatever is shown. OperationNotSupported for a q along a join, which
    can't be decided page by page."""
    if query.q is not None and "join" in query.q.operators:
        raise OperationNotSupported("a q along Relationships does not go with an EntityMap", field="q", clause="5.5.14")
    return widened(query, rendering if rendering.geojson else msgspec.structs.replace(rendering, geojson=True))


def _known(params: Mapping[str, str]) -> None:
    for name in params:
        raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
