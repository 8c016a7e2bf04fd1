"""What every NGSI-LD request says beside its question: who, which tenant, which @context, which form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from broker.contexts.loader import ContextLoader
from broker.gateway.gateway import Envelope
from broker.identity.callers import Caller, Callers
from broker.web.endpoint import Call, tenant_of
from broker.web.negotiation import ENTITIES, Media, choose
from schemas.errors import BadRequestData, InvalidRequest
from schemas.idempotency import IdempotencyKey, parse_key, request_hash
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.link import parse_link_context
from schemas.ngsi_ld.params import read_parameters

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

tenant = tenant_of
"""The tenant of a call, "" for the default one."""


@dataclass(slots=True)
class Reader:
    """Reads calls; shared by the handlers."""

    callers: Callers
    contexts: ContextLoader
    max_query_bytes: int
    max_body_bytes: int
    public_url: str = ""
    split_entities: bool = False
    """Whether entities may be split over sources, where a question does not say (clause 4.3.6.7)."""

    def caller(self, call: Call) -> Caller:
        return self.callers.identify(call.headers)

    def parameters(self, call: Call) -> dict[str, str]:
        query: bytes = call.scope["query_string"]
        return read_parameters(query, max_bytes=self.max_query_bytes) if query else {}

    async def context(self, call: Call) -> Context:
        """The @context of the Link header; the core without one."""
        link = call.headers.get(b"link")
        if link is None:
            return CORE
        url = parse_link_context(link.decode("latin-1"))
        return CORE if url is None else await self.contexts.get(url)

    async def document(self, call: Call) -> tuple[Any, Context]:
        """The JSON body and its @context (clause 6.3.5): in the Link header for JSON, in the body for JSON-LD."""
        media = call.body_media
        document = read_json(await call.body(self.max_body_bytes))
        return document, await self.body_context(call, document, media)

    async def body_context(self, call: Call, document: Any, media: Media) -> Context:
        """The context that a document is in."""
        embedded = document.get("@context") if isinstance(document, dict) else None
        if media is Media.JSON:
            if embedded is not None:
                raise BadRequestData(
                    "application/json has no @context in the body; send application/ld+json or a Link header",
                    field="@context",
                    clause="6.3.5",
                )
            return await self.context(call)
        self.refuse_link(call)
        if isinstance(document, list):
            return CORE
        if embedded is None:
            raise BadRequestData("application/ld+json needs an @context", field="@context", clause="6.3.5")
        return await self.contexts.build(embedded)

    def refuse_link(self, call: Call) -> None:
        """BadRequestData if a call with JSON-LD names its @context in a Link header, too."""
        if b"link" in call.headers and parse_link_context(call.headers[b"link"].decode("latin-1")) is not None:
            raise BadRequestData(
                "application/ld+json has its @context in the body, not in a Link header", field="Link", clause="6.3.5"
            )

    async def addressed(self, call: Call, context: Context) -> Context:
        """The context with an address for the Link header of an answer: an inline one is stored, once for all who send
        it (clauses 5.13.1, 6.3.6). StoreUnavailable."""
        if context.url is not None:
            return context
        return await self.contexts.addressed(context, tenant(call), base_url(call, self.public_url))

    def envelope(self, call: Call, caller: Caller, body: bytes = b"") -> Envelope:
        """Who asks, when, through whom, and as a retry of what. `body`: what was asked in a body, in one spelling."""
        raw = call.headers.get(b"idempotency-key")
        key = None
        if raw is not None:
            scope = call.scope
            query: bytes = scope["query_string"]
            key = IdempotencyKey(
                client=caller.consumer.service,
                key=parse_key(raw.decode("latin-1")),
                request_hash=request_hash(
                    method=scope["method"],
                    path=scope["path"],
                    query=sorted(read_parameters(query, max_bytes=self.max_query_bytes).items()),
                    accept=(call.header(b"accept") or "") + (call.header(b"link") or ""),
                    tenant=tenant(call),
                    body=body,
                ),
                request=call.request,
            )
        return Envelope(call.request, call.arrival, caller, call.header(b"via"), key, call.headers)


def read_json(raw: bytes) -> Any:
    """A body's JSON. InvalidRequest if it is none (clause 5.5.4)."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as e:
        raise InvalidRequest(f"the body is not JSON: {e}", field="body", clause="6.3.2") from None


def base_url(call: Call, public_url: str) -> str:
    """Where this gateway is reached, without a slash at the end: as set, else as the request has it."""
    if public_url:
        return public_url.rstrip("/")
    scope = call.scope
    host = call.headers.get(b"host", b"").decode("latin-1")
    if not _HOST.fullmatch(host):
        server = scope.get("server") or ("localhost", None)
        host = server[0] if server[1] is None else f"{server[0]}:{server[1]}"
    return f"{scope.get('scheme', 'http')}://{host}"


def accepted(call: Call) -> Media:
    """The form that entities leave in."""
    raw = call.headers.get(b"accept")
    return Media.JSON if raw is None else choose(raw.decode("latin-1"), ENTITIES)
