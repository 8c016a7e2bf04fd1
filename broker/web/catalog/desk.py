"""What the catalogue's routes share: who asks, where this gateway is, what may be used, and in which form it leaves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from fastapi import Request, Response

from broker.gateway.gateway import Gateway
from broker.harvest.catalogue import Catalogue
from broker.identity.callers import Caller
from broker.web.endpoint import Call, fold
from broker.web.negotiation import Media, choose
from broker.web.reading import Reader, base_url
from catalog.faces.dcat import written
from catalog.faces.plain import shown
from catalog.hit import Agreements, AgreementState, ByLicence, Hit
from schemas.dataset import Dataset
from schemas.dcat.nodes import Node
from schemas.errors import NotFound, Unauthorized
from schemas.flow import ANONYMOUS, uuid7

DCAT = (Media.JSONLD, Media.TURTLE, Media.RDF_XML)
FORMS = (Media.JSON, *DCAT)
PAGE = (*FORMS, Media.HTML)
NO_STORE = {"Cache-Control": "no-store", "Vary": "Accept"}


@dataclass(frozen=True, slots=True)
class Desk:
    """`agreements` tells what the asking service may use."""

    catalogue: Catalogue
    reader: Reader
    gateway: Gateway
    public_url: str
    public: bool = False
    agreements: Agreements = field(default_factory=ByLicence)

    def reads(self, request: Request) -> Caller:
        """Who reads the catalogue: a service, or anybody where it is public. Unauthorized."""
        try:
            return self.reader.callers.identify(ckan_key(fold(request.headers.raw)))
        except Unauthorized:
            if self.public:
                return Caller(ANONYMOUS)
            raise

    def uses(self, request: Request) -> Caller:
        """Who takes data: always somebody who is known. Unauthorized."""
        return self.reader.callers.identify(ckan_key(fold(request.headers.raw)))

    def administers(self, request: Request) -> Caller:
        """Unauthorized, Forbidden."""
        return self.reader.callers.administer(fold(request.headers.raw))

    def base(self, request: Request) -> str:
        """Where clients reach this gateway, without a slash at the end."""
        call = Call(request.scope, fold(request.headers.raw), uuid7(), datetime.now(UTC), request.receive)
        return base_url(call, self.public_url)

    def shown(self, hit: Hit, caller: Caller, base: str) -> dict[str, Any]:
        """A dataset as plain JSON."""
        return shown(hit, base, self.state(caller, hit.dataset), today())

    def state(self, caller: Caller, dataset: Dataset) -> AgreementState:
        """Whether the caller may use it; the administration, and everyone in open mode, may use everything."""
        found = self.agreements.state(caller.consumer, dataset)
        return AgreementState.AGREED if caller.admin and found is AgreementState.NEEDED else found

    async def hit(self, name: str) -> Hit:
        """NotFound."""
        found = await self.catalogue.search.get(name)
        if found is None:
            raise NotFound("there is no such dataset in the catalogue", field="dataset_id", value=name)
        return found


def ckan_key(headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """CKAN's clients send their key bare in Authorization, or in a header of CKAN's own."""
    bare = headers.get(b"authorization", b"").strip()
    key = headers.get(b"x-ckan-api-key") or (bare if bare and b" " not in bare else None)
    return headers if key is None or b"x-api-key" in headers else {**headers, b"x-api-key": key}


def today() -> date:
    return datetime.now(UTC).date()


def form(request: Request, offered: tuple[Media, ...]) -> Media:
    """The form of the answer by Accept; the first where nothing is asked for. NotAcceptable."""
    return choose(request.headers.get("accept", ""), offered)


async def rdf(nodes: list[Node], media: Media, headers: dict[str, str] | None = None) -> Response:
    """A page of RDF, written beside the event loop."""
    body = await asyncio.to_thread(written, nodes, str(media))
    return Response(body, media_type=str(media), headers={**NO_STORE, **(headers or {})})


def contents(*media: Media) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI has to know of an answer in several forms."""
    return {
        200: {"content": {str(one): {} for one in media}},
        406: {"description": "Not Acceptable", "content": {"application/problem+json": {}}},
    }


SERVICE: dict[str, Any] = {"x-key": "service"}
"""For OpenAPI: a service's key is enough."""
