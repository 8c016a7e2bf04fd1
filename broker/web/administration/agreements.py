"""`/agreements`: agreements on the use of data (データ利用協定), from proposal to end. Served by FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.identity.agreements.desk import Desk
from broker.identity.agreements.show import show
from broker.identity.callers import Caller
from broker.web.endpoint import fold
from broker.web.reading import Reader
from schemas.agreement import Action, Party, State
from schemas.agreement_terms import TermsInput
from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.odrl import to_odrl

_JSONLD = "application/ld+json"
_ODRL: dict[str, Any] = {"content": {_JSONLD: {}, "application/json": {}}}
_As = Annotated[Party | None, Query(alias="as", description="In whose name, if the caller may act for several / 名義")]
_Signature = Annotated[
    str | None,
    Query(max_length=8192, description="Compact JWS over the canonical terms (RFC 8785), its key in the header `jwk`"),
]
_Context = Annotated[str | None, Query(max_length=2000, description="URL of the @context of the names; else the core")]


class StepInput(BaseModel):
    """What goes with a step."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2000, description="Why / 理由")] = ""
    version: Annotated[int | None, Field(ge=1, description="The version that is meant; refused if it is another")] = (
        None
    )
    signature: Annotated[
        str | None, Field(max_length=8192, description="Compact JWS over the canonical terms, key in header `jwk`")
    ] = None


def routes(desk: Desk, reader: Reader) -> APIRouter:
    """The router. Everyone sees what they are a party of; auditors and the administration see all."""

    def caller(request: Request) -> Caller:
        return reader.callers.identify(fold(request.headers.raw))

    # before anything else is looked at, the body included
    router = APIRouter(prefix="/agreements", tags=["agreements"], dependencies=[Depends(caller)])

    async def expansion(url: str | None) -> Callable[[str], str]:
        return (CORE if url is None else await reader.contexts.get(url)).expand

    @router.post("", status_code=201, summary="Propose an agreement / 協定を提案する")
    async def propose(
        request: Request,
        document: Annotated[Any, Body(json_schema_extra=TermsInput.model_json_schema(), examples=[_EXAMPLE])],
        as_: _As = None,
        signature: _Signature = None,
        context: _Context = None,
    ) -> JSONResponse:
        """By a service of the consumer, by an operator of the area, or by the administration."""
        asking = caller(request)
        made = await desk.propose(asking, document, await expansion(context), party=as_, signature=signature)
        return JSONResponse(show(made, _now()), 201, {"location": f"/agreements/{made.id}"})

    @router.get("", summary="List agreements / 一覧")
    async def list_all(
        request: Request,
        state: Annotated[State | None, Query()] = None,
        area: Annotated[str | None, Query(description="Area of the provider")] = None,
        organisation: Annotated[str | None, Query(description="Organisation of the consumer")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> JSONResponse:
        """Those that the caller is a party of, oldest first; `Kakehashi-Results-Count` has how many there are."""
        now = _now()
        found = [
            a
            for a in await desk.all(caller(request))
            if (state is None or a.state(now) is state)
            and (area is None or a.latest.terms.provider_area == area)
            and (organisation is None or a.latest.terms.consumer_organisation == organisation)
        ]
        rows = [show(a, now) for a in found[offset : offset + limit]]
        return JSONResponse(rows, headers={"kakehashi-results-count": str(len(found))})

    @router.get("/{agreement_id}", summary="One agreement / 詳細", response_class=Response, responses={200: _ODRL})
    async def retrieve(request: Request, agreement_id: str) -> Response:
        """With all its versions and steps; as an ODRL 2.2 policy for `Accept: application/ld+json`."""
        found = await desk.get(caller(request), agreement_id)
        if _JSONLD in request.headers.get("accept", ""):
            return Response(orjson.dumps(to_odrl(found, _now())), media_type=_JSONLD, headers={"Vary": "Accept"})
        return JSONResponse(show(found, _now()), headers={"Vary": "Accept"})

    @router.patch("/{agreement_id}", summary="Propose its next version / 改定を提案する")
    async def amend(
        request: Request,
        agreement_id: str,
        patch: Annotated[Any, Body()],
        as_: _As = None,
        signature: _Signature = None,
        context: _Context = None,
    ) -> JSONResponse:
        """A merge patch (RFC 7396) of the newest terms. What is in force stays so until the new version is approved."""
        asking = caller(request)
        if not isinstance(patch, dict):
            raise BadRequestData("a merge patch is a JSON object", field="body")
        made = await desk.amend(asking, agreement_id, patch, await expansion(context), party=as_, signature=signature)
        return JSONResponse(show(made, _now()))

    for action, summary in _STEPS.items():
        _add_step(router, desk, caller, action, summary)
    return router


def _add_step(router: APIRouter, desk: Desk, caller: Callable[[Request], Caller], action: Action, summary: str) -> None:
    async def take(
        request: Request, agreement_id: str, body: Annotated[Any, Body()] = None, as_: _As = None
    ) -> JSONResponse:
        given = _step(body)
        made = await desk.step(
            caller(request),
            agreement_id,
            action,
            party=as_,
            reason=given.reason,
            signature=given.signature,
            version=given.version,
        )
        return JSONResponse(show(made, _now()))

    take.__doc__ = _TOLD[action]
    route: Callable[..., Awaitable[JSONResponse]] = take
    router.add_api_route(
        f"/{{agreement_id}}/{action.value}",
        route,
        methods=["POST"],
        summary=summary,
        operation_id=f"{action.value}_agreement",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": StepInput.model_json_schema()}}}},
    )


_STEPS = {
    Action.APPROVE: "Approve the version that waits / 承認する",
    Action.REJECT: "Reject the version that waits / 却下する",
    Action.SUSPEND: "Suspend it / 停止する",
    Action.RESUME: "Lift one's suspension / 再開する",
    Action.REVOKE: "Revoke it, for good / 失効させる",
}
_TOLD = {
    Action.APPROVE: "By the provider (an operator of its area), and by the secretariat where the area asks for that.",
    Action.REJECT: "By who would have to approve; what is in force stays so.",
    Action.SUSPEND: "Nothing flows until whoever suspended it resumes it.",
    Action.RESUME: "By the party that suspended it.",
    Action.REVOKE: "By any party. What is under way by it ends within two seconds, in all workers.",
}
_EXAMPLE = {
    "provider_area": "takeshiba",
    "types": ["CrowdFlowObserved"],
    "attributes": ["peopleCount", "location", "observedAt"],
    "consumer_organisation": "App Inc",
    "purpose": "Guidance of visitors during events",
    "valid_from": "2026-12-01T00:00:00+09:00",
    "valid_to": "2027-04-01T00:00:00+09:00",
    "quota": {"requests_per_day": 10000},
}


def _step(body: object) -> StepInput:
    if body is None:
        return StepInput()
    try:
        return StepInput.model_validate(body)
    except ValidationError as e:
        first = e.errors()[0]
        raise BadRequestData(str(first["msg"]), field=".".join(map(str, first["loc"])) or "body") from None


def _now() -> datetime:
    return datetime.now(UTC)
