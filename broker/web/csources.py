"""`/ngsi-ld/v1/csourceRegistrations`: every platform as a context source registration (clauses 6.8, 6.9, 5.9, 5.10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from broker.registry.enrolment import Enrolment
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.reading import Reader, tenant
from schemas.errors import BadRequestData, InvalidRequest, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.params import MAX_LIMIT
from schemas.ngsi_ld.registration import from_registration, registration_id, to_registration
from schemas.ngsi_ld.types import parse_type_selection
from schemas.platform import Platform

_PATH = "/ngsi-ld/v1/csourceRegistrations/"


class ContextSources:
    """The handlers. Changing needs the key of the administration; reading any key."""

    def __init__(self, enrolment: Enrolment, reader: Reader) -> None:
        self._enrolment = enrolment
        self._reader = reader

    async def create(self, call: Call) -> Reply:
        """201 at once; the source is probed in the background, and until then nothing that it claims is believed."""
        self._reader.callers.administer(call.headers)
        document, context = await self._reader.document(call)
        platform = await self._enrolment.add_unprobed(from_registration(document, context, tenant=tenant(call)))
        location = _PATH + quote(registration_id(platform.id), safe=":")
        return Reply(201, b"", [(b"location", location.encode())])

    async def query(self, call: Call) -> Reply:
        """The registrations of the tenant: `type`, `id`, `limit`, `offset`, `count`."""
        self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        for name in params:
            if name not in ("type", "id", "limit", "offset", "count", "attrs", "local"):
                raise InvalidRequest("this query of registrations has no such parameter", field=name[:80])
        limit = _whole(params.get("limit"), 20, "limit")
        offset = _whole(params.get("offset"), 0, "offset")
        found = [p for p in await self._enrolment.store.all() if p.registry_tenant == tenant(call)]
        if "id" in params:
            wanted = set(params["id"].split(","))
            found = [p for p in found if registration_id(p.id) in wanted]
        if "type" in params:
            types = frozenset(map(context.expand, parse_type_selection(params["type"], context=context).names))
            found = [p for p in found if _covers(p, types)]
        headers: Headers = []
        if params.get("count") == "true":
            headers.append((b"ngsild-results-count", str(len(found)).encode()))
        rows = [to_registration(p, context) for p in found[offset : offset + limit]]
        return _answer(rows, context, media, headers)

    async def retrieve(self, call: Call) -> Reply:
        """One registration."""
        self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        return _answer(to_registration(await self._own(call), context), context, media, [])

    async def update(self, call: Call) -> Reply:
        """`PATCH`: members that are given replace those that are there; null takes one away."""
        self._reader.callers.administer(call.headers)
        current = await self._own(call)
        document, context = await self._reader.document(call)
        if not isinstance(document, dict):
            raise BadRequestData("a fragment of a registration is a JSON object", field="body", clause="5.9.3")
        if document.get("id", registration_id(current.id)) != registration_id(current.id):
            raise BadRequestData("the id can't be changed", field="id", value=document["id"], clause="5.2.9")
        await self._enrolment.change_registration(current.id, lambda now: _changed(now, document, context))
        return Reply(204)

    async def delete(self, call: Call) -> Reply:
        """204; the platform is forgotten."""
        self._reader.callers.administer(call.headers)
        await self._enrolment.remove((await self._own(call)).id)
        return Reply(204)

    async def _own(self, call: Call) -> Platform:
        given = call.path["registration_id"]
        platform = await self._enrolment.find(given)
        if platform.registry_tenant != tenant(call):
            raise NotFound("no such registration", field="id", value=given, clause="5.9.3")
        return platform


def _changed(platform: Platform, fragment: dict[str, Any], context: Context) -> Platform:
    merged = {k: v for k, v in (to_registration(platform, context) | fragment).items() if v is not None}
    made = from_registration(merged, context, tenant=platform.registry_tenant)
    return replace(
        platform,
        endpoint=made.endpoint,
        name=made.name,
        tenant=made.tenant,
        coverage=made.coverage,
        mode=made.mode,
        timeout_ms=made.timeout_ms,
    )


def _covers(platform: Platform, types: frozenset[str]) -> bool:
    entities = platform.coverage.entities
    return not entities or any(p.type is None or p.type in types for p in entities)


def _whole(text: str | None, default: int, name: str) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10) or (name == "limit" and int(text) > MAX_LIMIT):
        raise BadRequestData(f"{name} is a whole number of at most {MAX_LIMIT}", field=name, value=text)
    return int(text)


def _answer(body: Any, context: Context, media: Media, headers: Headers) -> Reply:
    headers = [(b"content-type", media.encode()), *headers]
    if media is Media.JSONLD:
        rows = body if isinstance(body, list) else [body]
        for row in rows:
            row["@context"] = context.document()
    else:
        headers.append((b"link", context.link_header().encode("latin-1")))
    return Reply(200, orjson.dumps(body), headers)
