"""`/areas`: 横展開, what one area has set up carried to another. Served by FastAPI."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from broker.kpi.rollout import FORMAT, Rollout
from broker.store.projects import Change
from broker.web.administration.kpi_access import KpiAccess
from broker.web.administration.platform_access import PlatformAccess
from schemas.errors import Forbidden
from schemas.kpi.document import encode
from schemas.kpi.life import Side
from schemas.ngsi_ld.context import CORE
from schemas.roles import Role

_FILE = {
    "format": FORMAT,
    "area": "takeshiba",
    "platforms": [{"id": "takeshiba-orion", "adapter": "ngsi_v2", "endpoint": "https://cityos.example.jp"}],
}


def routes(rollout: Rollout, access: PlatformAccess, programme: KpiAccess) -> APIRouter:
    router = APIRouter(prefix="/areas", tags=["programme"], dependencies=[Depends(access.anybody)])

    @router.get("/{area}/export", summary="An area's set-up as one file / エリア設定の書き出し")
    async def export(request: Request, area: str) -> Response:
        """Platforms with their mappings, agreements in force, agreed KPIs; without addresses, credentials and what
        probing found. For operators of the area, the secretariat, auditors."""
        caller = access.caller(request)
        if not caller.may(Role.SECRETARIAT, Role.AUDITOR) and not access.operates(caller, area):
            raise Forbidden("this is another area's", field="area", value=area)
        headers = {"cache-control": "no-store", "content-disposition": 'attachment; filename="area.json"'}
        return Response(encode(await rollout.export(area)), headers=headers, media_type="application/json")

    @router.post("/{area}/apply", status_code=201, summary="Set the same up here / 別エリアへの適用")
    async def apply(
        request: Request,
        area: str,
        document: Annotated[Any, Body(description="A file of …/export, with endpoints", examples=[_FILE])],
        project: Annotated[str | None, Query(description="In which its KPIs are proposed")] = None,
    ) -> Response:
        """All or nothing is read before anything is set up. Platforms are unverified until they have a credential;
        agreements are proposed for the area, KPIs in `project`. The roll-out is an event of the ledger. For operators
        of the area that it is applied to."""
        caller = access.caller(request)
        if not access.operates(caller, area):
            raise Forbidden("an operator sets up its own area", field="area", value=area)
        by = Change(caller.consumer.service, Side.SECRETARIAT)
        if project is not None:
            by = programme.change(caller, (await rollout.projects.get(project)).project, None)
        done = await rollout.apply(
            document,
            area,
            caller,
            CORE.expand,
            by,
            project=project,
            vet=lambda platform: access.given(caller, platform, new=True),
        )
        return Response(encode(asdict(done)), 201, {"cache-control": "no-store"}, media_type="application/json")

    return router
