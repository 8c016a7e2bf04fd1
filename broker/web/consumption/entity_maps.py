"""`entityMap` and `NGSILD-EntityMap` of `GET /ngsi-ld/v1/entities`, and `/ngsi-ld/v1/entityMaps` (clauses 5.14, 6.32,
6.34)."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from broker.entity_maps import MappedQueries, bounded
from broker.gateway import Envelope, Gateway
from broker.identity.callers import Caller
from broker.store.entity_maps import EntityMaps, StoredMap
from broker.web.consumption.entities import EntityReads, add_provenance, formed, page_links, told
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, body_media, choose
from broker.web.reading import Reader, accepted, read_json, tenant
from broker.web.rendering import widened
from schemas.errors import BadRequestData, InvalidRequest, NotFound, OperationNotSupported
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.instants import is_datetime, read_datetime
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.query import EntityQuery, Rendering
from schemas.ngsi_ld.temporal_aggregate import instant, parse_duration

_PATH = "/ngsi-ld/v1/entityMaps/"
_OWN = ("entityMap", "entityMapLifetime")
_FREE = frozenset({"id", "limit", "offset", "count", "options", "format", "lang", "geometryProperty", "datasetId"})
"""What may differ from page to page: identifiers, paging (clause 5.5.14), and how the entities look."""
_IRRELEVANT = frozenset({"limit", "offset", "count", "geometryProperty"})
_MONTH = timedelta(days=31)


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
        own = {name: params.pop(name) for name in _OWN if name in params}
        query, rendering = parse_query(params, context, tenant=tenant(call), geojson=media is Media.GEOJSON)
        rendering = formed(rendering, media, call.headers.get(b"prefer", b""))
        envelope = self._reader.envelope(call, caller)
        named = call.header(b"ngsild-entitymap")
        if not _wanted(own) and named is None:
            reply, result = await self._reads.answer(envelope, query, rendering, media)
        else:
            asked, digest = _asked(query, rendering), _digest(params, context)
            stored = None if named is None else await self._find(named.rpartition("/")[2], query.tenant, caller)
            if stored is None:
                stored, delivery = await self._mapped.create(query, asked, envelope, digest, _lifetime(own))
                status = 201
            elif stored.digest != digest:
                raise BadRequestData(
                    "the EntityMap was made by a query with other parameters or another @context",
                    field="NGSILD-EntityMap",
                    value=named,
                    clause="5.5.14",
                )
            else:
                delivery, status = await self._mapped.page(stored, query, asked, envelope), 200
            reply, result = told(delivery, asked, query, rendering, media), delivery.result
            reply.status = max(reply.status, status) if status == 200 else status
            reply.headers.append(_location(stored))
        links = page_links(call, query, result, media)
        if links:
            reply.headers.append((b"link", links.encode("latin-1")))
        return reply

    async def create(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/entityMaps` (clause 5.14.4): the map instead of a page."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        own = {name: params.pop(name) for name in _OWN if name in params}
        # clause 5.14.4.3: they are irrelevant
        params = {name: value for name, value in params.items() if name not in _IRRELEVANT}
        query, rendering = parse_query(params, context, tenant=tenant(call))
        asked = _asked(query, rendering)
        lifetime = _lifetime(own)
        envelope: Envelope = self._reader.envelope(call, caller)
        # of the entities themselves nothing is delivered
        stored, delivery = await self._mapped.create(
            query.alter(limit=0), asked, envelope, _digest(params, context), lifetime
        )
        reply = await self._document(stored, media, 201)
        add_provenance(reply.headers, delivery)
        reply.headers.append(_location(stored))
        return reply

    async def retrieve(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/entityMaps/{id}` (clause 5.14.1)."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        _known(self._reader.parameters(call))
        return await self._document(await self._get(call, caller), media, 200)

    async def update(self, call: Call) -> Reply:
        """`PATCH /ngsi-ld/v1/entityMaps/{id}` (clause 5.14.2): only when it ends can be said."""
        caller = self._reader.caller(call)
        _known(self._reader.parameters(call))
        body_media(call.header(b"content-type") or "")
        document = read_json(await call.body(self._reader.max_body_bytes))
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
        stored = await self._find(name, tenant(call), caller)
        if stored is None:
            raise NotFound("there is no such EntityMap, or it has expired", field="id", value=name, clause="5.14.1.4")
        return stored

    async def _find(self, name: str, space: str, caller: Caller) -> StoredMap | None:
        stored = await self._store.get(space, name)
        if stored is None or not (caller.admin or stored.owner == caller.consumer.service):
            return None
        return stored

    async def _document(self, stored: StoredMap, media: Media, status: int) -> Reply:
        """Clause 5.2.39."""
        entries = await self._store.entries(stored.id)
        document: dict[str, Any] = {
            "id": stored.id,
            "type": "EntityMap",
            "expiresAt": instant(stored.expires_at),
            "entityMap": {entry.entity: entry.sources for entry in entries},
        }
        headers: Headers = [(b"content-type", media.encode())]
        if media is Media.JSONLD:
            document["@context"] = CORE.url
        else:
            headers.append((b"link", CORE.link_header().encode("latin-1")))
        return Reply(status, orjson.dumps(document), headers)


def _wanted(own: Mapping[str, str]) -> bool:
    text = own.get("entityMap", "false")
    if text not in ("true", "false"):
        raise InvalidRequest("entityMap is true or false", field="entityMap", value=text, clause="6.4.3.2")
    return text == "true"


def _lifetime(own: Mapping[str, str]) -> timedelta | None:
    """What was suggested (Table 6.4.3.2-1)."""
    text = own.get("entityMapLifetime")
    if text is None:
        return None
    try:
        duration = parse_duration(text)
        return duration.rest + duration.months * _MONTH
    except (BadRequestData, OverflowError):
        raise BadRequestData(
            "entityMapLifetime is a duration such as PT1H", field="entityMapLifetime", value=text, clause="6.4.3.2"
        ) from None


def _asked(query: EntityQuery, rendering: Rendering) -> EntityQuery:
    """What the sources are asked: with the ids, whatever is shown. OperationNotSupported for a join."""
    if query.join is not None:
        raise OperationNotSupported("join does not go with an EntityMap", field="join", clause="5.5.14")
    return widened(query, rendering if rendering.geojson else msgspec.structs.replace(rendering, geojson=True))


def _digest(params: Mapping[str, str], context: Context) -> bytes:
    """Of what makes the question: the pages of a map ask the same one."""
    question = [sorted((n, v) for n, v in params.items() if n not in _FREE), context.url]
    return sha256(orjson.dumps(question)).digest()


def _location(stored: StoredMap) -> tuple[bytes, bytes]:
    return b"ngsild-entitymap", (_PATH + stored.id).encode()


def _known(params: Mapping[str, str]) -> None:
    for name in params:
        raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
