"""`POST /ngsi-ld/v1/entityOperations/query` (clause 6.23): the question in the body, the answer as of the GET."""

from __future__ import annotations

import orjson

from broker.web.consumption.entities import formed
from broker.web.consumption.entity_maps import FREE, IRRELEVANT, Asking, EntityMapReads
from broker.web.endpoint import Call, Reply
from broker.web.entity_map_parts import digest, own_in, own_of, posed
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.reading import Reader, accepted, tenant
from schemas.errors import InvalidRequest
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.query_object import read_query_object

_IN_URI = frozenset({"limit", "offset", "count", "options", "format", "local", "lang", "geometryProperty"})


class QueryByPost:
    """The handlers."""

    def __init__(self, reader: Reader, maps: EntityMapReads) -> None:
        self._reader = reader
        self._maps = maps

    async def query(self, call: Call) -> Reply:
        """Query Entities (clause 5.7.2) with a Query object; paging and representation come in the URI."""
        asking, own = await self._read(call, accepted(call), frozenset())
        # the next page is the same body, posted there
        return await self._maps.answer(call, asking, own)

    async def create_map(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entityMaps` (clause 6.34.3.2): the map instead of a page."""
        asking, own = await self._read(call, choose(call.header(b"accept") or "", PLAIN), IRRELEVANT)
        return await self._maps.made(asking, own)

    async def _read(self, call: Call, media: Media, without: frozenset[str]) -> tuple[Asking, dict[str, str]]:
        caller = self._reader.caller(call)
        in_uri = self._reader.parameters(call)
        own = own_of(in_uri)
        for name in in_uri:
            if name not in _IN_URI:
                raise InvalidRequest("it belongs into the Query in the body", field=name[:80], clause="6.3.20")
        in_uri = {name: value for name, value in in_uri.items() if name not in without}
        document, given = await self._reader.document(call)
        envelope = self._reader.envelope(call, caller, orjson.dumps(document, option=orjson.OPT_SORT_KEYS))
        document, own = own_in(document, own)
        said, selectors = read_query_object(document, given)
        context = given if media is Media.JSONLD else await self._reader.addressed(call, given)
        asked = {**said, **in_uri}
        query, rendering = parse_query(
            asked,
            context,
            tenant=tenant(call),
            geojson=media is Media.GEOJSON,
            selectors=selectors,
            split=self._reader.split_entities,
        )
        rendering = formed(rendering, media, call.headers.get(b"prefer", b""))
        question = digest(posed(asked, document), context, FREE)
        return Asking(envelope, query, rendering, media, question), own
