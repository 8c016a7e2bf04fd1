"""Reading entities: `GET /ngsi-ld/v1/entities`, `GET /ngsi-ld/v1/entities/{id}`, `GET /ngsi-ld/v1/types`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from broker.federation.engine import Result
from broker.gateway.gateway import Delivery, Envelope, Gateway
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import Media, preferred, prefers_plain
from broker.web.paging import page_links
from broker.web.reading import Reader, accepted, tenant
from broker.web.rendering import amended, needs_objects, render_list, render_one, widened, writable
from schemas.errors import NotFound, SourceTooLarge
from schemas.ngsi_ld.conformance import CURRENT
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.params import checked_id, parse_query, parse_retrieve
from schemas.ngsi_ld.query import EntityQuery, Rendering
from schemas.outcome import Outcome

_CACHED_QUERIES = 512
_CACHED_BYTES = 2048
_TOO_DEEP = '199 kakehashi "Partial answer, entities that are nested too deep are left out"'
_TOKEN = re.compile(r"[^A-Za-z0-9!#$%&'*+.^_`|~-]+")

Key = tuple[bytes, Context, str, Media, bytes]
Parsed = tuple[EntityQuery, Rendering]


class EntityReads:
    """The handlers. A question that was parsed stays parsed: services ask the same ones over and over."""

    def __init__(self, gateway: Gateway, reader: Reader) -> None:
        self._gateway = gateway
        self._reader = reader
        self._parsed: dict[Key, Parsed] = {}
        self._retrieves: dict[Key, Parsed] = {}

    async def query(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/entities` (clause 6.4.3.2)."""
        caller = self._reader.caller(call)
        query, rendering, media = await self.parse(call)
        reply, result = await self.answer(self._reader.envelope(call, caller), query, rendering, media)
        reply.headers += page_links(call, offset=query.offset, limit=query.limit, more=result.more, media=media)
        return reply

    async def answer(
        self, envelope: Envelope, query: EntityQuery, rendering: Rendering, media: Media
    ) -> tuple[Reply, Result]:
        """A page of what a query gives, as it leaves."""
        asked = widened(query, rendering)
        delivery = await self._gateway.read(asked, envelope, build=needs_objects(query, rendering))
        return told(delivery, asked, query, rendering, media), delivery.result

    async def parse(self, call: Call) -> tuple[EntityQuery, Rendering, Media]:
        """The question of a call, parsed once for all calls that ask the same."""
        media = accepted(call)
        context = await self._reader.context(call)
        raw: bytes = call.scope["query_string"]
        prefer = call.headers.get(b"prefer", b"")
        key = (raw, context, tenant(call), media, prefer)
        found = self._parsed.get(key)
        if found is None:
            query, rendering = parse_query(
                self._reader.parameters(call),
                context,
                tenant=key[2],
                geojson=media is Media.GEOJSON,
                split=self._reader.split_entities,
            )
            found = (query, formed(rendering, media, prefer))
            _keep(self._parsed, key, found)
        return *found, media

    async def retrieve(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/entities/{id}` (clause 6.5.3.1)."""
        caller = self._reader.caller(call)
        media = accepted(call)
        context = await self._reader.context(call)
        query, rendering = self._of_one(call, context, media)
        envelope = self._reader.envelope(call, caller)
        asked = widened(query, rendering)
        delivery = await self._gateway.read(asked, envelope, build=needs_objects(query, rendering))
        return told_one(call, delivery, asked, query, rendering, media)

    def _of_one(self, call: Call, context: Context, media: Media) -> tuple[EntityQuery, Rendering]:
        """What is wanted of an entity is parsed once for all entities of which the same is wanted."""
        raw: bytes = call.scope["query_string"]
        prefer = call.headers.get(b"prefer", b"")
        key = (raw, context, tenant(call), media, prefer)
        entity_id = call.path["entity_id"]
        found = self._retrieves.get(key)
        if found is None:
            query, rendering = parse_retrieve(
                entity_id, self._reader.parameters(call), context, tenant=key[2], geojson=media is Media.GEOJSON
            )
            found = (query, formed(rendering, media, prefer))
            _keep(self._retrieves, key, found)
        query, rendering = found
        if query.ids[0] != entity_id:
            query = query.alter(ids=(checked_id(entity_id),))
        return query, rendering


def _keep(parsed: dict[Key, Parsed], key: Key, found: Parsed) -> None:
    if len(key[0]) <= _CACHED_BYTES:
        if len(parsed) >= _CACHED_QUERIES:
            parsed.clear()
        parsed[key] = found


def told_one(
    call: Call, delivery: Delivery, asked: EntityQuery, query: EntityQuery, rendering: Rendering, media: Media
) -> Reply:
    """One entity as it leaves, or that there is none. `asked`: as of `told`."""
    result = delivery.result
    headers = _headers(delivery, media, rendering, query.context)
    altered = False
    if result.body is not None:
        body = result.body[1:-1]
    elif result.entities:
        projected = result.project or asked is not query
        found, linked, altered = amended(result.entities, result.linked, rendering)
        try:
            body = render_one(found[0], query, rendering, projected=projected, linked=linked)
        except TypeError:
            raise SourceTooLarge("the entity is nested deeper than can be written", field="id") from None
    else:
        body = b""
    if not body:
        detail = "no source that answered knows this entity"
        missing = call.problem(NotFound(detail, field="id", value=query.ids[0], clause="5.7.1"))
        missing.headers[:0] = [h for h in headers if h[0] not in (b"content-type", b"link")]
        return missing
    return Reply(203 if altered else 200, body, headers)


def told(delivery: Delivery, asked: EntityQuery, query: EntityQuery, rendering: Rendering, media: Media) -> Reply:
    """A page as it leaves. `asked`: the query as the sources got it, which `widened` makes of `query`."""
    result = delivery.result
    altered = False
    if query.limit == 0:
        body = render_list([], query, rendering, projected=False)
    elif result.body is not None:
        body = result.body
    else:
        projected = result.project or asked is not query
        found, linked, altered = amended(result.entities or [], result.linked, rendering)
        try:
            body = render_list(found, query, rendering, projected=projected, linked=linked)
        except TypeError:
            result.warnings.append(_TOO_DEEP)
            linked = {e["id"]: e for e in writable(list(linked.values()))}
            body = render_list(writable(found), query, rendering, projected=projected, linked=linked)
    headers = _headers(delivery, media, rendering, query.context)
    if query.count:
        headers.append((b"ngsild-results-count", str(result.count or 0).encode()))
    return Reply(203 if altered else 200, body, headers)


def formed(rendering: Rendering, media: Media, prefer: bytes) -> Rendering:
    """With the @context in the body where the form wants it there (clause 6.3.6), and in the version of the
    specification that is preferred (clause 4.3.6.8)."""
    version = preferred(prefer) if prefer else None
    if version is not None and version < CURRENT:
        rendering = msgspec.structs.replace(rendering, version=version)
    if media is Media.JSONLD or (media is Media.GEOJSON and not (prefer and prefers_plain(prefer))):
        return msgspec.structs.replace(rendering, jsonld=True)
    return rendering


def _headers(delivery: Delivery, media: Media, rendering: Rendering, context: Context) -> Headers:
    headers: Headers = [(b"content-type", media.encode())]
    if not rendering.jsonld:
        headers.append((b"link", _link(context)))
    add_provenance(headers, delivery)
    return headers


def add_provenance(headers: Headers, delivery: Delivery) -> None:
    """Which sources were asked, what is missing, and the ids of the flows that record it."""
    outcomes = delivery.result.outcomes
    if outcomes:
        headers.append((b"server-timing", server_timing(outcomes).encode()))
    if delivery.flows:
        headers.append((b"kakehashi-flow", ", ".join([str(f.id) for f in delivery.flows]).encode()))
        replay = delivery.flows[0].replay_of
        if replay is not None:
            headers.append((b"kakehashi-replay-of", str(replay).encode()))
    ages = [o.age for o in outcomes if o.age is not None]
    if ages:
        headers.append((b"age", str(int(max(ages))).encode()))
    headers.extend((b"ngsild-warning", text.encode()) for text in delivery.result.warnings)


def server_timing(outcomes: Sequence[Outcome]) -> str:
    """One metric for each source: its name, how long it took, what came of it (W3C Server-Timing)."""
    return ", ".join([f"{_token(o.platform)};dur={o.ms:.1f};desc=" + o.status for o in outcomes])


@lru_cache(maxsize=4096)
def _token(platform: str) -> str:
    return _TOKEN.sub("_", platform.removeprefix("urn:ngsi-ld:"))


@lru_cache(maxsize=256)
def _link(context: Context) -> bytes:
    return context.link_header().encode("latin-1")
