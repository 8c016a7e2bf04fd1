"""`/platforms`: registering areas' platforms. Served by FastAPI, so that its page documents it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from broker.registry.certify import certify
from broker.registry.describe import describe
from broker.registry.enrolment import Enrolment
from broker.registry.health import health as told_of
from broker.registry.inputs import PlatformInput
from broker.registry.registry import Registry
from broker.web.administration.platform_access import PlatformAccess
from broker.web.reading import Reader
from schemas.errors import BadRequestData
from schemas.platform import Platform

Force = Annotated[
    bool, Query(description='Keep it as "unverified" though its probe failed / 検査に失敗しても未検証として登録する')
]
_EXAMPLE = {
    "id": "otemachi-cityos",
    "area": "otemachi",
    "organisation": "Otemachi area management (demo)",
    "adapter": "ngsi_ld",
    "endpoint": "https://cityos.example.jp",
    "coverage": {"types": ["EvacuationShelter"]},
}


def routes(enrolment: Enrolment, registry: Registry, reader: Reader) -> APIRouter:
    """The router: for the administration, and for operators as far as their area goes."""
    access = PlatformAccess(reader.callers)
    # before anything else is looked at, the body included
    router = APIRouter(prefix="/platforms", tags=["platforms"], dependencies=[Depends(access.anybody)])

    def shown(platform_id: str, document: dict[str, Any]) -> dict[str, Any]:
        source = registry.source(platform_id)
        if source is not None:
            document["breaker"] = source.breaker.state.value
        if platform_id in registry.broken:
            document["problem"] = registry.broken[platform_id]
        return document

    async def readable(request: Request, platform_id: str) -> Platform:
        platform = await enrolment.find(platform_id)
        access.read(access.caller(request), platform)
        return platform

    async def writable(request: Request, platform_id: str) -> None:
        access.write(access.caller(request), await enrolment.find(platform_id))

    @router.post("", status_code=201, summary="Register a platform / プラットフォームを登録する")
    async def create(
        request: Request,
        document: Annotated[
            Any,
            Body(description="A platform", json_schema_extra=PlatformInput.model_json_schema(), examples=[_EXAMPLE]),
        ],
        force: Force = False,
    ) -> JSONResponse:
        """Probes the platform and says what it found; with a fault nothing is stored, unless `force`."""
        access.given(access.caller(request), document, new=True)
        platform = await enrolment.add(document, force=force)
        return JSONResponse(describe(platform), 201, {"location": f"/platforms/{quote(platform.id, safe=':/')}"})

    @router.get("", summary="List the platforms / 一覧")
    async def list_all(
        request: Request,
        area: Annotated[str | None, Query(description="Only those of this area")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> JSONResponse:
        """In order of id; `Kakehashi-Results-Count` has how many there are in all."""
        caller = access.caller(request)
        every = [p for p in await enrolment.store.all() if access.sees(caller, p)]
        found = [p for p in every if area is None or p.area == area]
        rows = [shown(p.id, describe(p)) for p in found[offset : offset + limit]]
        return JSONResponse(rows, headers={"kakehashi-results-count": str(len(found))})

    @router.get("/{platform_id:path}/health", summary="How it does / 状態")
    async def health(request: Request, platform_id: str) -> JSONResponse:
        """Breaker, load, latencies and the last errors of this worker, in figures and in words."""
        platform = await readable(request, platform_id)
        source = registry.source(platform.id)
        if source is None:
            return JSONResponse({"id": platform.id, "usable": False, "problem": registry.broken.get(platform.id, "")})
        return JSONResponse(told_of(source, asyncio.get_running_loop().time()))

    @router.get("/{platform_id:path}", summary="One platform / 詳細")
    async def retrieve(request: Request, platform_id: str) -> JSONResponse:
        """With what its last probe found; never with its credential."""
        platform = await readable(request, platform_id)
        return JSONResponse(shown(platform.id, describe(platform)))

    @router.patch("/{platform_id:path}", summary="Change a platform / 変更")
    async def change(
        request: Request, platform_id: str, patch: Annotated[Any, Body()], force: Force = False
    ) -> JSONResponse:
        """A merge patch (RFC 7396); what touches the connection is probed anew."""
        if not isinstance(patch, dict):
            raise BadRequestData("a merge patch is a JSON object", field="body")
        await writable(request, platform_id)
        access.given(access.caller(request), patch)
        return JSONResponse(describe(await enrolment.change(platform_id, patch, force=force)))

    @router.delete("/{platform_id:path}", status_code=204, summary="Forget a platform / 削除")
    async def remove(request: Request, platform_id: str) -> Response:
        """Its flows stay in the record."""
        await writable(request, platform_id)
        await enrolment.remove(platform_id)
        return Response(status_code=204)

    @router.post("/{platform_id:path}/probe", summary="Probe it now / 検査")
    async def probe(request: Request, platform_id: str) -> JSONResponse:
        """What was found is kept and shown."""
        await writable(request, platform_id)
        return JSONResponse(describe(await enrolment.probe(platform_id)))

    @router.post("/{platform_id:path}/certify", summary="Run the contract suite / 適合検査")
    async def run_certify(request: Request, platform_id: str) -> JSONResponse:
        """Every claim of its adapter is tested both ways on the platform's own data; passed, it is "certified"."""
        await writable(request, platform_id)
        return JSONResponse(await certify(enrolment, platform_id))

    return router
