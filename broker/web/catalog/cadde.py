"""CADDE's catalogue search (`/cadde/api/v4/catalog`): for connectors, in the form of CKAN's package_search."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse

from broker.web.catalog.ckan_actions import CkanActions
from broker.web.catalog.ckan_asking import Asking, SearchError
from broker.web.catalog.desk import SERVICE, Desk
from schemas.errors import BadRequestData

_Text = str | None


def routes(desk: Desk) -> APIRouter:
    """One route: meta searches all catalogues, detail one provider's."""
    router = APIRouter(tags=["catalogue"])
    actions = CkanActions(desk.catalogue)

    @router.get("/cadde/api/v4/catalog", summary="CADDE catalogue search / CADDEカタログ検索", openapi_extra=SERVICE)
    async def search(
        request: Request,
        q: Annotated[_Text, Query(description="Words / 検索語")] = None,
        fq: Annotated[_Text, Query(description="CKAN's filter, such as res_format:CSV")] = None,
        rows: Annotated[_Text, Query(description="How many; 10 if not given, up to 1000")] = None,
        start: Annotated[_Text, Query(description="How many to leave out")] = None,
        sort: Annotated[_Text, Query(description="CKAN's order, such as metadata_modified desc")] = None,
        x_cadde_search: Annotated[_Text, Header(description="meta (all) or detail (one provider's)")] = None,
        x_cadde_provider: Annotated[_Text, Header(description="Id of the provider, for detail")] = None,
    ) -> JSONResponse:
        """CADDE 4.0. Datasets have `caddec_*` and `ngsi_*` fields."""
        caller = desk.reads(request)
        how = x_cadde_search or "meta"
        if how not in ("meta", "detail"):
            raise BadRequestData("meta or detail", field="x-cadde-search", value=how)
        given: dict[str, Any] = {"q": q, "fq": fq, "rows": rows, "start": start, "sort": sort}
        if how == "detail":
            if not x_cadde_provider or '"' in x_cadde_provider:
                raise BadRequestData("whose catalogue?", field="x-cadde-provider", value=x_cadde_provider)
            given["fq_list"] = [f'organization:"{x_cadde_provider}"']
        asking = Asking(
            {k: v for k, v in given.items() if v is not None}, desk.base(request), lambda d: desk.state(caller, d)
        )
        try:
            result = await actions.package_search(asking)
        except SearchError as e:
            raise BadRequestData(str(e), field="fq", value=fq) from None
        return JSONResponse({"help": f"{asking.base}/docs", "success": True, "result": result})

    return router
