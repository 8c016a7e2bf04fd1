"""Reading temporal evolutions: retrieve, query, query by POST (clauses 6.18.3.2, 6.19.3.1, 6.24; paging 6.3.10)."""

from __future__ import annotations

import orjson

from broker.gateway.evolutions import FederatedEvolutions, Told
from broker.local.temporal import there
from broker.web.consumption.entities import add_provenance
from broker.web.endpoint import Call, Headers, Reply
from broker.web.entity_map_parts import location
from broker.web.negotiation import Media
from broker.web.paging import page_links
from broker.web.reading import tenant
from broker.web.temporal.maps import TemporalMaps
from broker.web.temporal.questions import Question, Questions
from schemas.errors import NotFound
from schemas.ngsi_ld.temporal import TemporalQuery


class TemporalViews:
    """The handlers."""

    def __init__(self, evolutions: FederatedEvolutions, maps: TemporalMaps, questions: Questions) -> None:
        self._evolutions = evolutions
        self._maps = maps
        self._questions = questions

    async def retrieve(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/temporal/entities/{id}`."""
        entity, asked = await self._questions.of_one(call)
        mapped = await self._maps.one(call, asked, entity)
        if mapped is None:
            told, headers = await self._evolutions.retrieve(asked.envelope, tenant(call), entity, asked.query), []
        else:
            told, headers = mapped[0], [location(mapped[1])]
        try:
            found = there(told.found, entity, asked.query)
        except NotFound as error:
            reply = call.problem(error)
            add_provenance(reply.headers, told.delivery)
        else:
            reply = _reply(call, asked.query, told, asked.media, found.entities[0])
        reply.headers += headers
        return reply

    async def query(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/temporal/entities`."""
        return await self._answer(call, await self._questions.by_get(call))

    async def query_by_post(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/temporal/entityOperations/query`."""
        return await self._answer(call, await self._questions.by_post(call))

    async def _answer(self, call: Call, asked: Question) -> Reply:
        paged = await self._maps.page(call, asked)
        if paged is None:
            told = await self._evolutions.query(asked.envelope, tenant(call), asked.query)
            return _reply(call, asked.query, told, asked.media, told.found.entities)
        told, stored, fresh = paged
        reply = _reply(call, asked.query, told, asked.media, told.found.entities)
        if fresh and reply.status == 200:
            reply.status = 201
        reply.headers.append(location(stored))
        return reply


def _reply(
    call: Call, query: TemporalQuery, told: Told, media: Media, answer: dict[str, object] | list[dict[str, object]]
) -> Reply:
    found, paged = told.found, isinstance(answer, list)
    if media is Media.JSONLD:
        named = query.context.document()
        answer = (
            [{**one, "@context": named} for one in answer]
            if isinstance(answer, list)
            else {**answer, "@context": named}
        )
    headers: Headers = [(b"content-type", media.encode())]
    if media is not Media.JSONLD:
        headers.append((b"link", query.context.link_header().encode("latin-1")))
    if found.range is not None:
        headers.append((b"content-range", found.range.header.encode()))
    if found.count is not None and query.count:
        headers.append((b"ngsild-results-count", str(found.count).encode()))
    if paged:
        headers += page_links(call, offset=query.offset, limit=query.limit, more=found.more, media=media)
    add_provenance(headers, told.delivery)
    complete = 203 if found.altered else 200
    return Reply(complete if found.range is None else 206, orjson.dumps(answer), headers)
