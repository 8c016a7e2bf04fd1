"""`/flows`, the metered records, and `/kpi`, the figures that come of them. Served by FastAPI, which documents them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Protocol

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from broker.kpi.compute import compute
from broker.kpi.show import to_dict
from broker.store.database import Database
from broker.store.flows import Cursor, read_flows
from broker.web.administration.flow_formats import MEDIA, FlowFormat, choose_format, dump
from broker.web.administration.flow_parameters import DEFAULT, MOST, parse_flows, parse_kpi
from schemas.errors import Forbidden

_Text = str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """How far the asker may see: all flows, those in which this service is the consumer, or those that an area gave."""

    service: str | None = None
    area: str | None = None

    def narrowed(self, area: str | None) -> str | None:
        """The provider's area to look at, for one that was asked for. Forbidden for another one's."""
        if self.area is None:
            return area
        if area not in (None, self.area):
            raise Forbidden("an operator sees what its own area gave", field="area", value=area)
        return self.area


class Deps(Protocol):
    """What these routes are made of."""

    @property
    def database(self) -> Database: ...

    @property
    def public_url(self) -> str:
        """Base URL for links; empty: as the request came."""

    async def authorise(self, request: Request) -> Scope:
        """Raises Unauthorized or Forbidden."""


def routes(deps: Deps) -> APIRouter:
    router = APIRouter(tags=["metering"])

    @router.get(
        "/flows",
        summary="The metered flows",
        response_class=Response,
        responses={200: {"content": {media: {} for media in MEDIA.values()}}},
    )
    async def flows(
        request: Request,
        from_: Annotated[_Text, Query(alias="from", description="RFC 3339; arrival of the request, inclusive")] = None,
        to: Annotated[_Text, Query(description="RFC 3339, exclusive")] = None,
        consumer: Annotated[_Text, Query(description="A service or an organisation")] = None,
        consumer_area: Annotated[_Text, Query(description="Home area of the service")] = None,
        provider: Annotated[_Text, Query(description="A platform or an organisation")] = None,
        provider_area: Annotated[_Text, Query(description="Area of the platform")] = None,
        type: Annotated[_Text, Query(description="IRI (or short name) of an entity type")] = None,
        request_: Annotated[_Text, Query(alias="request", description="Id of a request")] = None,
        cross_area: Annotated[_Text, Query(description="true or false")] = None,
        batch: Annotated[_Text, Query(description="true or false")] = None,
        outcome: Annotated[_Text, Query(description="ok, empty, partial, timeout, …")] = None,
        operation: Annotated[_Text, Query(description="query, retrieve or types")] = None,
        limit: Annotated[_Text, Query(description=f"1 to {MOST}; {DEFAULT} if not given")] = None,
        cursor: Annotated[_Text, Query(description="From Link or Kakehashi-Next-Cursor of an earlier answer")] = None,
        format: Annotated[_Text, Query(description=f"{', '.join(FlowFormat)}; goes before Accept")] = None,
    ) -> Response:
        """A service sees the flows in which it is the consumer, an operator those that its area gave, the secretariat,
        auditors and the administration all.

        In the order in which they were committed. `Link: <…>; rel="next"` leads to the next page, the last page has
        none; `Kakehashi-Next-Cursor` is on every page, to come back with for what is metered later.
        """
        # FastAPI's parameters are for its page; its own errors don't name the field as ours do.
        scope = await deps.authorise(request)
        question = parse_flows(request.query_params.multi_items())
        chosen = choose_format(question.format, request.headers.get("accept", ""))
        page = await read_flows(
            deps.database,
            replace(question.where, service=scope.service, provider_area=scope.narrowed(question.where.provider_area)),
            cursor=question.cursor,
            limit=question.limit,
        )
        headers = {"Kakehashi-Next-Cursor": str(page.cursor), "Vary": "Accept", "Cache-Control": "no-store"}
        if page.more:
            headers["Link"] = f'<{_next(request, deps.public_url, page.cursor)}>; rel="next"'
        return Response(dump(page.flows, chosen), media_type=MEDIA[chosen], headers=headers)

    @router.get("/kpi", summary="KPI figures of a fiscal year")
    async def kpi(
        request: Request,
        year: Annotated[
            _Text, Query(description="Fiscal year (that of its April); the current one if not given")
        ] = None,
        area: Annotated[_Text, Query(description="Only what the platforms of this area delivered")] = None,
    ) -> Response:
        """The figures by month, by provider and by pair of areas, with definitions. A service sees its own use."""
        scope = await deps.authorise(request)
        chosen_year, chosen_area = parse_kpi(request.query_params.multi_items())
        report = await compute(deps.database, chosen_year, area=scope.narrowed(chosen_area), service=scope.service)
        return JSONResponse(to_dict(report), headers={"Cache-Control": "no-store"})

    return router


def _next(request: Request, public_url: str, cursor: Cursor) -> str:
    url = request.url.include_query_params(cursor=str(cursor))
    if not public_url:
        return str(url)
    return f"{public_url.rstrip('/')}{url.path}?{url.query}"
