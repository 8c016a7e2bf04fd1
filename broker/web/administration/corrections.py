"""`/ledger/corrections`: a flow is counted otherwise, with a reason, if another person agrees. Served by FastAPI."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from broker.identity.callers import Caller, Callers
from broker.store.corrections import STATES, Corrections
from broker.web.endpoint import fold
from schemas.errors import InvalidRequest
from schemas.ledger.correction import Replacement
from schemas.roles import Role

_NO_STORE = {"Cache-Control": "no-store"}
_LARGEST = 2**53 - 1


class ReplacementInput(BaseModel):
    """What counts instead."""

    model_config = ConfigDict(extra="forbid", strict=True)
    entities: int = Field(ge=0, le=_LARGEST, description="Entities delivered")
    bytes: int = Field(ge=0, le=_LARGEST, description="Bytes taken")
    batch: bool = Field(default=False, description="Counted as batch use")


class CorrectionInput(BaseModel):
    """A flow, and what is to count instead of it; without `replacement` it counts no more."""

    model_config = ConfigDict(extra="forbid")
    flow: UUID
    reason: str = Field(min_length=1, max_length=2000)
    replacement: ReplacementInput | None = None


def routes(corrections: Corrections, callers: Callers) -> APIRouter:
    # dependencies, since these come before parameters and bodies are looked at
    def request_or_decide(request: Request) -> Caller:
        return callers.require(fold(request.headers.raw), Role.OPERATOR, Role.SECRETARIAT)

    def read(request: Request) -> Caller:
        return callers.require(fold(request.headers.raw), Role.OPERATOR, Role.SECRETARIAT, Role.AUDITOR)

    def decide(request: Request) -> Caller:
        return callers.require(fold(request.headers.raw), Role.SECRETARIAT)

    router = APIRouter(prefix="/ledger/corrections", tags=["metering"])
    needs: dict[str, Any] = {"x-key": "administration"}

    @router.get("", summary="Corrections / 訂正の一覧", openapi_extra=needs, dependencies=[Depends(read)])
    async def list_all(
        state: Annotated[str | None, Query(description=", ".join(STATES))] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> JSONResponse:
        """The newest first."""
        if state is not None and state not in STATES:
            raise InvalidRequest(f"state is one of {', '.join(STATES)}.", field="state", value=state)
        found = await corrections.all(state=state, limit=limit)
        return JSONResponse([one.to_dict() for one in found], headers=_NO_STORE)

    no_flow: dict[int | str, dict[str, Any]] = {
        404: {"description": "There is no such flow", "content": {"application/problem+json": {}}}
    }

    @router.post(
        "", status_code=201, summary="Request a correction / 訂正を申請する", responses=no_flow, openapi_extra=needs
    )
    async def request(document: CorrectionInput, caller: Caller = Depends(request_or_decide)) -> JSONResponse:
        """By an operator or the secretariat. Nothing changes until another one approves; both are in the ledger."""
        given = document.replacement
        replacement = None if given is None else Replacement(given.batch, given.bytes, given.entities)
        made = await corrections.request(document.flow, replacement, document.reason, caller.consumer.service)
        return JSONResponse(made.to_dict(), 201, headers=_NO_STORE)

    @router.post("/{correction}/approve", summary="Approve it / 承認する", openapi_extra=needs)
    async def approve(correction: UUID, caller: Caller = Depends(decide)) -> JSONResponse:
        """By the secretariat, and not by who requested it. Figures count it from now on; the flow stays as it is."""
        return JSONResponse(
            (await corrections.approve(correction, caller.consumer.service)).to_dict(), headers=_NO_STORE
        )

    @router.post("/{correction}/reject", summary="Reject it / 却下する", openapi_extra=needs)
    async def reject(correction: UUID, caller: Caller = Depends(decide)) -> JSONResponse:
        """By the secretariat, and not by who requested it."""
        return JSONResponse(
            (await corrections.reject(correction, caller.consumer.service)).to_dict(), headers=_NO_STORE
        )

    return router
