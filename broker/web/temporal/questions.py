"""Queries of temporal evolutions as they come, in the URI (clause 6.18.3.2) or in a body (clause 6.24.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

from broker.gateway.gateway import Envelope
from broker.web.endpoint import Call
from broker.web.entity_map_parts import digest, own_in, own_of, posed
from broker.web.negotiation import PLAIN, Media, choose, preferred
from broker.web.reading import Reader
from broker.web.temporal.target import target
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_params import (
    parse_temporal_body,
    parse_temporal_query,
    parse_temporal_retrieve,
    read_temporal_body,
)

_WINDOW = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN"})
_SHAPE = frozenset({"options", "format", "lang", "aggrMethods", "aggrPeriodDuration", "datasetId"})
_FREE = _WINDOW | _SHAPE | {"id", "limit", "offset", "count"}
"""What may differ from page to page: identifiers, paging, the temporal query (clause 5.5.14), representation."""


@dataclass(frozen=True, slots=True)
class Question:
    """`own`: what it says of an EntityMap; `digest`: of what makes it the same question (clause 5.5.14)."""

    envelope: Envelope
    query: TemporalQuery
    media: Media
    own: Mapping[str, str]
    digest: bytes


class Questions:
    """Reads calls. `without`: parameters that mean nothing here, and are not looked at."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def by_get(self, call: Call, without: frozenset[str] = frozenset()) -> Question:
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        own = own_of(params)
        params = {name: value for name, value in params.items() if name not in without}
        query = _preferring(call, parse_temporal_query(params, context))
        return Question(self._reader.envelope(call, caller), query, media, own, digest(params, context, _FREE))

    async def of_one(self, call: Call) -> tuple[str, Question]:
        """Of one entity: its id, and the question."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        entity = target(call).entity
        params = self._reader.parameters(call)
        own = own_of(params)
        query = _preferring(call, parse_temporal_retrieve(params, context))
        asked = digest(params | {"": entity}, context, _FREE)
        return entity, Question(self._reader.envelope(call, caller), query, media, own, asked)

    async def by_post(self, call: Call, without: frozenset[str] = frozenset()) -> Question:
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        params = self._reader.parameters(call)
        own = own_of(params)
        params = {name: value for name, value in params.items() if name not in without}
        document, given = await self._reader.document(call)
        envelope = self._reader.envelope(call, caller, orjson.dumps(document, option=orjson.OPT_SORT_KEYS))
        document, own = own_in(document, own)
        context = given if media is Media.JSONLD else await self._reader.addressed(call, given)
        query = _preferring(call, parse_temporal_body(document, params, context))
        asked = posed(read_temporal_body(document, params), document)
        return Question(envelope, query, media, own, digest(asked, context, _FREE))


def _preferring(call: Call, query: TemporalQuery) -> TemporalQuery:
    """The same query, in the version of the specification that the call prefers (clause 6.3.6)."""
    version = preferred(call.headers.get(b"prefer", b""))
    return query if version is None else replace(query, version=version)
