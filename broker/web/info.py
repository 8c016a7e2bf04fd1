"""What this gateway says of itself: its identity as a Context Source (clauses 5.15, 6.33), and what it conforms to."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import orjson

from broker.federation.via import pseudonym
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.openapi.operations import OPERATIONS
from broker.web.reading import Reader, base_url, tenant
from schemas.errors import InvalidRequest
from schemas.ngsi_ld.conformance import CURRENT

SPECIFICATION: Final = "ETSI GS CIM 009 V1.9.1"
_API: Final = "/ngsi-ld/v1"
_RESOURCES: Final = sorted({told.path.split("/")[3] for told in OPERATIONS if told.path.startswith(f"{_API}/")})
"""First segments of the paths that are served."""


class Info:
    """The handlers."""

    def __init__(self, alias: str, reader: Reader) -> None:
        self._alias = alias
        self._reader = reader
        self._began = time.monotonic()

    async def identity(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/info/sourceIdentity`: a ContextSourceIdentity (clause 5.2.40), of the request's tenant."""
        self._reader.caller(call)
        alias = pseudonym(self._alias, tenant(call))
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return await self._answer(
            call,
            {
                "id": "urn:ngsi-ld:ContextSourceIdentity:" + quote(alias, safe=":"),
                "type": "ContextSourceIdentity",
                "contextSourceAlias": alias,
                "contextSourceUptime": f"PT{int(time.monotonic() - self._began)}S",
                "contextSourceTimeAt": now,
                "contextSourceExtras": {"software": "Kakehashi"},
            },
        )

    async def conformance(self, call: Call) -> Reply:
        """`GET /ngsi-ld/v1/info/conformance`: the specification and the resources that are served."""
        self._reader.caller(call)
        return await self._answer(
            call,
            {
                "id": "urn:ngsi-ld:Conformance:" + quote(self._alias, safe=":"),
                "type": "Conformance",
                "specification": SPECIFICATION,
                "specificationVersion": ".".join(map(str, CURRENT)),
                "multiTenancy": True,
                "resources": _RESOURCES,
            },
        )

    async def discovery(self, call: Call) -> Reply:
        """`GET /.well-known/ngsi-ld`: where the API is, for who knows only the host. Needs no key, and tells none."""
        _no_parameters(call)
        body = {
            "specification": SPECIFICATION,
            "supportedApiVersions": ["v1"],
            "supportedFeatures": _RESOURCES,
            "apiRoot": base_url(call, self._reader.public_url) + _API,
        }
        return Reply(200, orjson.dumps(body), [(b"content-type", b"application/json")])

    async def _answer(self, call: Call, body: dict[str, Any]) -> Reply:
        media = choose(call.header(b"accept") or "", PLAIN)
        _no_parameters(call)
        context = await self._reader.context(call)
        headers: Headers = [(b"content-type", media.encode())]
        if media is Media.JSONLD:
            body["@context"] = context.document()
        else:
            headers.append((b"link", context.link_header().encode("latin-1")))
        return Reply(200, orjson.dumps(body), headers)


def _no_parameters(call: Call) -> None:
    query: bytes = call.scope["query_string"]
    if query:
        name = query.decode("latin-1").partition("=")[0]
        raise InvalidRequest("this operation has no parameters", field=name[:80], clause="6.3.20")
