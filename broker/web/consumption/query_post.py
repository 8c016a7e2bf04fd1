"""`POST /ngsi-ld/v1/entityOperations/query` (clause 6.23): the question in the body, the answer as of the GET."""

from __future__ import annotations

import orjson

from broker.web.consumption.entities import formed
from broker.web.consumption.entity_maps import Asking, EntityMapReads
from broker.web.endpoint import Call, Reply
from broker.web.entity_map_parts import digest, own_of
from broker.web.negotiation import Media
from broker.web.reading import Reader, accepted, tenant
from schemas.errors import InvalidRequest
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.query_object import read_query_object

_IN_URI = frozenset({"limit", "offset", "count", "options", "format", "local", "lang", "geometryProperty"})
_FREE = _IN_URI - {"local"}


class QueryByPost:
    """The handler."""

    def __init__(self, reader: Reader, maps: EntityMapReads) -> None:
        self._reader = reader
        self._maps = maps

    async def query(self, call: Call) -> Reply:
        """Query Entities (clause 5.7.2) with a Query object; paging and representation come in the URI."""
        caller = self._reader.caller(call)
        media = accepted(call)
        in_uri = self._reader.parameters(call)
        own = own_of(in_uri)
        for name in in_uri:
            if name not in _IN_URI:
                raise InvalidRequest("it belongs into the Query in the body", field=name[:80], clause="6.3.20")
        document, given = await self._reader.document(call)
        said, selectors = read_query_object(document, given)
        context = given if media is Media.JSONLD else await self._reader.addressed(call, given)
        query, rendering = parse_query(
            {**said, **in_uri},
            context,
            tenant=tenant(call),
            geojson=media is Media.GEOJSON,
            selectors=selectors,
        )
        rendering = formed(rendering, media, call.headers.get(b"prefer", b""))
        raw = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        envelope = self._reader.envelope(call, caller, raw)
        # the next page is the same body, posted there
        question = digest({"": raw.decode(), **in_uri}, context, _FREE)
        return await self._maps.answer(call, Asking(envelope, query, rendering, media, question), own)
