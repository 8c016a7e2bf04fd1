"""`/ngsi-ld/v1/jsonldContexts`: the stored @contexts (clauses 5.13, 6.29, 6.30)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from broker.contexts.loader import ContextLoader
from broker.contexts.shelf import CORE_URLS, PATH, Shelf, own_id
from broker.store.contexts import Kind, StoredContext
from broker.web.endpoint import Call, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.protocol import LOCATION
from broker.web.reading import Reader, base_url, read_json, tenant
from schemas.errors import BadRequestData, InvalidRequest, NotFound, OperationNotSupported
from schemas.ngsi_ld.context import build, core_of, references
from schemas.ngsi_ld.names import is_uri

MAX_BYTES: Final = 1_000_000
"""Of one hosted @context."""
_CORE: Final = frozenset(CORE_URLS)


class StoredContexts:
    """The handlers. Changing needs the key of the administration, serving none: whoever is given an address fetches it,
    and JSON-LD processors have no keys. A tenant sees its own and the cached ones.
    """

    def __init__(self, shelf: Shelf, contexts: ContextLoader, reader: Reader) -> None:
        self._shelf = shelf
        self._contexts = contexts
        self._reader = reader

    async def add(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/jsonldContexts`: 201 with the address in Location (clause 5.13.2)."""
        self._reader.callers.administer(call.headers)
        self._parameters(call, ())
        space = tenant(call)
        if call.body_media is Media.JSONLD:
            self._reader.refuse_link(call)
        document = read_json(await call.body(min(MAX_BYTES, self._reader.max_body_bytes)))
        if not isinstance(document, dict) or "@context" not in document:
            raise InvalidRequest("the body is a JSON object with an @context", field="@context", clause="5.13.2.3")
        value = document["@context"]
        if value is None:
            raise BadRequestData("an @context is a URL, an object, or an array of them", field="@context", clause="4.4")
        if not references(value):
            # what stands elsewhere is looked at when it is used; this can be known to be wrong now
            build(value, {})
        name = await self._shelf.store.host(space, orjson.dumps({"@context": value}))
        return Reply(201, b"", [(LOCATION, (PATH + name).encode())])

    async def list(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/jsonldContexts` (clause 5.13.3): URLs, or with `details` what is known of each."""
        self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        params = self._parameters(call, ("details", "kind"))
        details = _flag(params, "details")
        kind = params.get("kind")
        if kind is not None and kind not in list(Kind):
            raise BadRequestData(f"kind is one of {', '.join(Kind)}", field="kind", value=kind, clause="5.13.3.3")
        space = tenant(call)
        await self._contexts.flush()
        found = await self._shelf.store.all(space, None if kind is None else Kind(kind))
        base = base_url(call, self._reader.public_url)
        rows = [_details(row, base) if details else _url(row, base) for row in found]
        return Reply(200, orjson.dumps(rows), [(b"content-type", media.encode())])

    async def serve(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/jsonldContexts/{id}` (clause 5.13.4): the document, with `details` what is known of it."""
        media = choose(call.header(b"accept") or "", PLAIN)
        details = _flag(self._parameters(call, ("details",)), "details")
        if details:
            self._reader.caller(call)
        space = tenant(call)
        await self._contexts.flush()
        row = await self._shelf.store.get(_name(call))
        # a Link is followed without a tenant's name
        if row is None or not (_visible(row, space) or (not details and not space)):
            raise _unknown(call)
        if details:
            body = orjson.dumps(_details(row, base_url(call, self._reader.public_url)))
        elif row.body is None:
            raise OperationNotSupported(
                "a cached @context is not served; it is at its own URL", field="id", value=row.url, clause="5.13.4.4"
            )
        else:
            body = row.body
        if row.url not in _CORE:
            self._shelf.note((row.url or row.id,))
        return Reply(200, body, [(b"content-type", media.encode())])

    async def delete(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/jsonldContexts/{id}` (clause 5.13.5); with `reload` a cached one is downloaded anew."""
        self._reader.callers.administer(call.headers)
        reload = _flag(self._parameters(call, ("reload",)), "reload")
        space = tenant(call)
        await self._contexts.flush()
        row = await self._shelf.store.get(_name(call))
        if row is not None and not _visible(row, space):
            row = None
        if reload:
            if row is None and is_uri(_given(call)):
                raise _unknown(call)
            if row is None or row.url is None:
                raise BadRequestData(
                    "there is no cached @context by this name to reload",
                    field="reload",
                    value=_given(call),
                    clause="5.13.5.4",
                )
            await self._reload(row, row.url)
        elif row is None:
            raise _unknown(call)
        elif row.url in _CORE:
            raise BadRequestData("the core @context is built in", field="id", value=row.url, clause="5.5.7")
        else:
            await self._shelf.store.delete(row.id)
            url = row.url
            gone = {url} if url is not None else {u for u in self._contexts.kept() if own_id(u) == row.id}
            self._shelf.forget(gone | {row.id})
            self._contexts.forget(gone)
        return Reply(204)

    async def _reload(self, row: StoredContext, url: str) -> None:
        if url in _CORE:
            # what is built in is as new as it can be
            return
        seconds = await self._contexts.reload(url)
        version = await self._shelf.store.reloaded(row.id, datetime.now(UTC) + timedelta(seconds=seconds))
        if version is not None:
            self._shelf.reloaded(url, version)

    def _parameters(self, call: Call, known: tuple[str, ...]) -> dict[str, str]:
        params = self._reader.parameters(call)
        for name in params:
            if name not in known:
                raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
        return params


def _flag(params: dict[str, str], name: str) -> bool:
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise BadRequestData(f"{name} is true or false", field=name, value=text, clause="5.13")
    return text == "true"


def _given(call: Call) -> str:
    return call.path["context_id"]


def _name(call: Call) -> str:
    """Local identifier or URL as the store has it: an address of ours means its identifier."""
    given = _given(call)
    core = core_of(given)
    return str(core.url) if core is not None else own_id(given) or given


def _visible(row: StoredContext, space: str) -> bool:
    return row.kind is Kind.CACHED or row.tenant == space


def _unknown(call: Call) -> NotFound:
    return NotFound("there is no such @context", field="id", value=_given(call), clause="5.13")


def _url(row: StoredContext, base: str) -> str:
    return row.url or base + PATH + row.id


def _details(row: StoredContext, base: str) -> dict[str, Any]:
    """Clause 5.13.3.5. The uses of what is built in are not counted."""
    told: dict[str, Any] = {
        "URL": _url(row, base),
        "localId": row.id,
        "kind": row.kind.value,
        "createdAt": _iso(row.created_at),
    }
    if row.expires_at is not None:
        told["expiresAt"] = _iso(row.expires_at)
    if row.last_usage is not None:
        told["lastUsage"] = _iso(row.last_usage)
    if row.url not in _CORE:
        told["numberOfHits"] = row.hits
    return told


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
