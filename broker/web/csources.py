"""`/ngsi-ld/v1/csourceRegistrations`: every platform as a context source registration (clauses 6.8, 6.9, 5.9, 5.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

from broker.registry.counting import Counting
from broker.registry.enrolment import Enrolment
from broker.registry.source import expired
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.paging import page_links
from broker.web.protocol import LOCATION
from broker.web.provision.calls import flag, options_of
from broker.web.reading import Reader, tenant
from broker.web.rendering import context_document
from schemas.errors import BadRequestData, InvalidRequest, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.model import NULL
from schemas.ngsi_ld.registration import from_registration, is_uri, registration_id, to_registration
from schemas.ngsi_ld.registration_members import READ_ONLY, secrets_of
from schemas.ngsi_ld.registration_properties import registered
from schemas.ngsi_ld.registration_query import matches, parse_registration_query
from schemas.platform import Platform

_PATH = "/ngsi-ld/v1/csourceRegistrations/"


class ContextSources:
    """The handlers. Changing needs the key of the administration; reading any key."""

    def __init__(self, enrolment: Enrolment, counting: Counting, reader: Reader) -> None:
        self._enrolment = enrolment
        self._counting = counting
        self._reader = reader

    async def create(self, call: Call) -> Reply:
        """201 at once; the source is probed in the background, and until then nothing that it claims is believed."""
        self._reader.callers.administer(call.headers)
        document, context = await self._reader.document(call)
        given = from_registration(document, context, tenant=tenant(call), now=datetime.now(UTC))
        platform = await self._enrolment.add_unprobed(given, secrets_of(document))
        location = _PATH + quote(registration_id(platform.id), safe=":")
        return Reply(201, b"", [(LOCATION, location.encode())])

    async def query(self, call: Call) -> Reply:
        """The registrations of the tenant that may have what is asked for (clause 5.10.2)."""
        self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        asked = parse_registration_query(self._reader.parameters(call), context, tenant=tenant(call))
        query = asked.entities
        now = datetime.now(UTC)
        here = [p for p in await self._enrolment.store.all() if p.registry_tenant == query.tenant]
        found = [p for p in here if not expired(p, now) and matches(asked, p)]
        if query.csf is not None:
            found = [p for p in found if query.csf.matches(registered(p, context))]
        page = found[query.offset : query.offset + query.limit]
        headers: Headers = []
        if query.count:
            headers.append((b"ngsild-results-count", str(len(found)).encode()))
        more = query.offset + query.limit < len(found)
        headers += page_links(call, offset=query.offset, limit=query.limit, more=more, media=media)
        return _answer(await self._shown(page, context, sys_attrs=asked.sys_attrs), context, media, headers)

    async def retrieve(self, call: Call) -> Reply:
        """One registration."""
        self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._reader.parameters(call)
        for name in params:
            if name not in ("options", "local"):
                raise InvalidRequest("the operation has no such parameter", field=name[:80], clause="6.3.20")
        flag(params, "local")
        sys_attrs = "sysAttrs" in options_of(params, "sysAttrs")
        (shown,) = await self._shown([await self._own(call)], context, sys_attrs=sys_attrs)
        return _answer(shown, context, media, [])

    async def update(self, call: Call) -> Reply:
        """`PATCH`: members that are given replace those that are there; null takes one away."""
        self._reader.callers.administer(call.headers)
        current = await self._own(call)
        document, context = await self._reader.document(call)
        if not isinstance(document, dict):
            raise BadRequestData("a fragment of a registration is a JSON object", field="body", clause="5.9.3")
        if document.get("id", registration_id(current.id)) != registration_id(current.id):
            raise BadRequestData("the id can't be changed", field="id", value=document["id"], clause="5.2.9")
        secrets = secrets_of(document) if "contextSourceInfo" in document else None
        await self._enrolment.change_registration(current.id, lambda now: _changed(now, document, context), secrets)
        return Reply(204)

    async def delete(self, call: Call) -> Reply:
        """204; the platform is forgotten."""
        self._reader.callers.administer(call.headers)
        await self._enrolment.remove((await self._own(call)).id)
        return Reply(204)

    async def _own(self, call: Call) -> Platform:
        given = call.path["registration_id"]
        if not is_uri(given):
            raise BadRequestData("the id of a registration is a URI", field="id", value=given, clause="5.9.3")
        platform = await self._enrolment.find(given)
        if platform.registry_tenant != tenant(call) or expired(platform, datetime.now(UTC)):
            raise NotFound("no such registration", field="id", value=given, clause="5.9.3")
        return platform

    async def _shown(self, platforms: Sequence[Platform], context: Context, *, sys_attrs: bool) -> list[dict[str, Any]]:
        """With what was sent to the sources, if anything was (table 5.2.9-2)."""
        counters = await self._counting.counters([p.id for p in platforms])
        return [to_registration(p, context, sys_attrs=sys_attrs) | counters.get(p.id, {}) for p in platforms]


def _changed(platform: Platform, fragment: dict[str, Any], context: Context) -> Platform:
    merged = {k: v for k, v in (to_registration(platform, context) | fragment).items() if v not in (None, NULL)}
    given_now = {k: v for k, v in merged.items() if k not in READ_ONLY}
    now = datetime.now(UTC) if "expiresAt" in fragment else None
    made = from_registration(given_now, context, tenant=platform.registry_tenant, now=now)
    return replace(
        platform,
        endpoint=made.endpoint,
        name=made.name,
        tenant=made.tenant,
        coverage=made.coverage,
        distribution=made.distribution,
        mode=made.mode,
        timeout_ms=made.timeout_ms,
    )


def _answer(body: Any, context: Context, media: Media, headers: Headers) -> Reply:
    headers = [(b"content-type", media.encode()), *headers]
    if media is Media.JSONLD:
        rows = body if isinstance(body, list) else [body]
        for row in rows:
            row["@context"] = context_document(context)
    else:
        headers.append((b"link", context.link_header().encode("latin-1")))
    return Reply(200, orjson.dumps(body), headers)
