"""EntityMaps of temporal queries (clauses 5.7.4, 5.14.5, 6.35): `entityMap`, `NGSILD-EntityMap`, and the maps alone.

They are read, changed and deleted at `/ngsi-ld/v1/entityMaps`.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.gateway.evolutions import Told
from broker.gateway.gateway import Envelope
from broker.gateway.mapped_evolutions import MappedEvolutions
from broker.store.entity_maps import EntityMaps, StoredMap
from broker.web import entity_map_parts as parts
from broker.web.consumption.entities import add_provenance
from broker.web.endpoint import Call, Reply
from broker.web.negotiation import PLAIN, choose
from broker.web.reading import Reader, tenant
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_params import parse_temporal_query

_WINDOW = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN"})
_SHAPE = frozenset({"options", "format", "lang", "aggrMethods", "aggrPeriodDuration", "datasetId"})
_FREE = _WINDOW | _SHAPE | {"id", "limit", "offset", "count"}
"""What may differ from page to page: identifiers, paging, the temporal query (clause 5.5.14), representation."""
_IRRELEVANT = frozenset({"limit", "offset", "count"})


class TemporalMaps:
    """The handlers. A map is its service's own."""

    def __init__(self, mapped: MappedEvolutions, store: EntityMaps, reader: Reader) -> None:
        self._mapped = mapped
        self._store = store
        self._reader = reader

    async def create(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/temporal/entityMaps` (clause 5.14.5): the map instead of a page."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        own = parts.own_of(params)
        params = {name: value for name, value in params.items() if name not in _IRRELEVANT}
        query = parse_temporal_query(params, context)
        envelope = self._reader.envelope(call, caller)
        digest = parts.digest(params, context, _FREE)
        stored, answered = await self._mapped.create(envelope, tenant(call), query, digest, parts.lifetime(own))
        told = await self._mapped.settle(answered, envelope, query)
        reply = await parts.document(self._store, stored, media, 201)
        add_provenance(reply.headers, told.delivery)
        reply.headers.append(parts.location(stored))
        return reply

    async def page(
        self,
        call: Call,
        envelope: Envelope,
        query: TemporalQuery,
        params: Mapping[str, str],
        own: Mapping[str, str],
        context: Context,
    ) -> tuple[Told, StoredMap, bool] | None:
        """A page of the map that the call names or wants, and whether that was made for it; None if it does neither."""
        named = call.header(b"ngsild-entitymap")
        if not parts.wanted(own) and named is None:
            return None
        space = tenant(call)
        digest = parts.digest(params, context, _FREE)
        stored = await parts.find(self._store, named, space, envelope.caller)
        if stored is not None:
            parts.same_question(stored, digest, named)
            return await self._mapped.page(stored, envelope, space, query), stored, False
        stored, answered = await self._mapped.create(envelope, space, query, digest, parts.lifetime(own))
        return await self._mapped.page(stored, envelope, space, query, answered), stored, True
