"""`/ledger/reconciliation`: a provider's or consumer's own count, line by line against our record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from broker.identity.callers import Caller, Callers
from broker.metering.ledger.reconciliation import compare, described
from broker.store.database import Database
from broker.store.reconciliation import Party, Side
from broker.web.administration.flow_parameters import time_of
from broker.web.endpoint import fold
from schemas.errors import Forbidden, UnsupportedMediaType
from schemas.ledger.reconcile import read_count
from schemas.roles import Role

_BODY = {
    "required": True,
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": "hour,requests,entities\n2026-11-01T09:00+09:00,12,340\n",
        },
        "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
    },
}


def routes(database: Database, callers: Callers) -> APIRouter:
    # a dependency, since these come before parameters are looked at
    def whom(request: Request) -> Caller:
        return callers.identify(fold(request.headers.raw))

    router = APIRouter(prefix="/ledger/reconciliation", tags=["metering"])

    @router.post("", summary="Compare a party's own count / 自らの集計との突合", openapi_extra={"requestBody": _BODY})
    async def reconcile(
        request: Request,
        side: Annotated[Side, Query(alias="as", description="Whose count it is")],
        party: Annotated[
            str, Query(min_length=1, max_length=500, description="Platform, area, service or organisation")
        ],
        from_: Annotated[str | None, Query(alias="from", description="RFC 3339, inclusive")] = None,
        to: Annotated[str | None, Query(description="RFC 3339, exclusive")] = None,
        differences: Annotated[bool, Query(description="Leave out the lines that match")] = False,
        caller: Caller = Depends(whom),
    ) -> JSONResponse:
        """CSV or JSON with `flow` (an id) or `hour` in each line, and `requests`, `flows`, `entities`, `bytes` as far
        as they were counted. Each line comes out as matched, missing here, missing there or different, with the likely
        cause. Nothing is stored, nothing is changed. A service compares what it took itself, an operator what its
        area gave; secretariat and auditors everyone's."""
        whose = Party(side, party)
        _allow(caller, whose)
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in ("text/csv", "application/json"):
            raise UnsupportedMediaType("text/csv or application/json", field="Content-Type", value=media)
        theirs = read_count(await request.body(), media)
        lines = await compare(database, whose, theirs, since=time_of("from", from_), until=time_of("to", to))
        return JSONResponse(described(whose, lines, differences=differences), headers={"Cache-Control": "no-store"})

    return router


def _allow(caller: Caller, party: Party) -> None:
    if caller.may(Role.SECRETARIAT, Role.AUDITOR):
        return
    own = caller.consumer
    if party.side is Side.CONSUMER and party.name in (own.service, own.organisation):
        return
    if party.side is Side.PROVIDER and Role.OPERATOR in caller.roles and party.name in (own.area, own.organisation):
        return
    raise Forbidden("This is another party's count.", field="party", value=party.name)
