"""Reading temporal evolutions: retrieve, query, query by POST (clauses 6.18.3.2, 6.19.3.1, 6.24; paging 6.3.10).

They lie in the local store, which is metered as any other source is.
"""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import quote

import orjson

from broker.federation.sight import WITHHELD, LocalRight
from broker.gateway import Gateway
from broker.local.temporal import Evolved, TemporalReads
from broker.metering.record import record
from broker.web.consumption.entities import server_timing
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.reading import Reader, tenant
from broker.web.temporal.target import target
from schemas.errors import NotFound
from schemas.flow import Provider
from schemas.ngsi_ld.temporal import Selector, TemporalQuery
from schemas.ngsi_ld.temporal_params import parse_temporal_body, parse_temporal_query, parse_temporal_retrieve
from schemas.outcome import Outcome, Status

_PATH = "/ngsi-ld/v1/temporal/entities"
_BY_POST = "/ngsi-ld/v1/temporal/entityOperations/query"


class TemporalViews:
    """The handlers. `local`: who provides what the local store has."""

    def __init__(self, reads: TemporalReads, reader: Reader, gateway: Gateway, local: Provider) -> None:
        self._reads = reads
        self._reader = reader
        self._gateway = gateway
        self._local = local

    async def retrieve(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/temporal/entities/{id}`."""
        right = self._right(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        entity = target(call).entity
        query = parse_temporal_retrieve(self._reader.parameters(call), context)
        began = time.perf_counter()
        if right.free:
            await self._gateway.admit(right, 1)
            found = await self._reads.retrieve(tenant(call), entity, query)
        else:
            covered = right.narrow(replace(query, selectors=(Selector((entity,)),)))
            await self._gateway.admit(right, 1)
            found = Evolved([]) if covered is None else await self._reads.query(tenant(call), covered)
            if not found.entities:
                raise NotFound("there is no such evolution, or nothing of it is covered", field="id", value=entity)
        return await self._reply(call, query, found, media, found.entities[0], began, "retrieve", "", right)

    async def query(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/temporal/entities`."""
        right = self._right(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        query = parse_temporal_query(self._reader.parameters(call), context)
        return await self._answer(call, query, media, _PATH, right)

    async def query_by_post(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/temporal/entityOperations/query`."""
        right = self._right(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        document, given = await self._reader.document(call)
        context = given if media is Media.JSONLD else await self._reader.addressed(call, given)
        query = parse_temporal_body(document, self._reader.parameters(call), context)
        return await self._answer(call, query, media, _BY_POST, right)

    def _right(self, call: Call) -> LocalRight:
        """What the caller may see of the local store."""
        return self._gateway.local_right(self._reader.envelope(call, self._reader.caller(call)), tenant(call))

    async def _answer(self, call: Call, query: TemporalQuery, media: Media, path: str, right: LocalRight) -> Reply:
        began = time.perf_counter()
        covered = right.narrow(query)
        await self._gateway.admit(right, query.limit)
        found = Evolved([], count=0) if covered is None else await self._reads.query(tenant(call), covered)
        return await self._reply(call, query, found, media, found.entities, began, "query", path, right)

    async def _reply(
        self,
        call: Call,
        query: TemporalQuery,
        found: Evolved,
        media: Media,
        answer: dict[str, object] | list[dict[str, object]],
        began: float,
        operation: str,
        path: str,
        right: LocalRight,
    ) -> Reply:
        if media is Media.JSONLD:
            named = query.context.document()
            answer = (
                [{**one, "@context": named} for one in answer]
                if isinstance(answer, list)
                else {**answer, "@context": named}
            )
        body = orjson.dumps(answer)
        headers: Headers = [(b"content-type", media.encode())]
        if media is not Media.JSONLD:
            headers.append((b"link", query.context.link_header().encode("latin-1")))
        if found.range is not None:
            headers.append((b"content-range", found.range.header.encode()))
        if found.count is not None and query.count:
            headers.append((b"ngsild-results-count", str(found.count).encode()))
        links = _page_links(call, query, found, media, path) if path else ""
        if links:
            headers.append((b"link", links.encode("latin-1")))
        outcome = Outcome(
            self._local.platform,
            Status.OK if found.entities else Status.EMPTY,
            ms=(time.perf_counter() - began) * 1000,
            received=len(found.entities),
            bytes=len(body),
            entities=len(found.entities),
        )
        await self._settle(call, query, outcome, operation, headers, right)
        return Reply(200 if found.range is None else 206, body, headers)

    async def _settle(
        self,
        call: Call,
        query: TemporalQuery,
        outcome: Outcome,
        operation: str,
        headers: Headers,
        right: LocalRight,
    ) -> None:
        envelope = self._reader.envelope(call, self._reader.caller(call))
        types = {n for one in query.selectors if one.types is not None for n in one.types.names}
        flows = record(
            [(self._local, outcome)],
            consumer=envelope.caller.consumer,
            operation=operation,
            types=tuple(sorted(map(query.context.expand, types))),
            request=envelope.request,
            time=envelope.arrival,
        )
        self._gateway.mark(right, flows)
        await self._gateway.settler.settle(flows, key=envelope.key)
        if right.withheld:
            headers.append((b"ngsild-warning", WITHHELD.encode()))
        headers.append((b"server-timing", server_timing([outcome]).encode()))
        headers.append((b"kakehashi-flow", ", ".join([str(flow.id) for flow in flows]).encode()))
        if flows[0].replay_of is not None:
            headers.append((b"kakehashi-replay-of", str(flows[0].replay_of).encode()))


def _page_links(call: Call, query: TemporalQuery, found: Evolved, media: Media, path: str) -> str:
    """`next` and `prev` by entities (clause 6.3.10), with everything else as it was asked."""
    links = []
    if found.more and query.limit:
        links.append(_page_link(call, query.offset + query.limit, query.limit, "next", media, path))
    if query.offset > 0:
        links.append(_page_link(call, max(0, query.offset - query.limit), query.limit, "prev", media, path))
    return ", ".join(links)


def _page_link(call: Call, offset: int, limit: int, rel: str, media: Media, path: str) -> str:
    raw = call.scope["query_string"].decode("latin-1")
    kept = [p for p in raw.split("&") if p and p.partition("=")[0] not in ("offset", "limit")]
    query = quote("&".join([*kept, f"limit={limit}", f"offset={offset}"]), safe="&=%,;:|!~()[].*'+$@/?")
    return f'<{path}?{query}>; rel="{rel}"; type="{media}"'
