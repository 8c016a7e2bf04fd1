"""`/ledger`: checkpoints, receipts, proofs and entries of the ledger. Served by FastAPI, which documents them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from broker.identity.callers import Caller, Callers
from broker.store.corrections import Corrections
from broker.store.database import Database
from broker.store.ledger import Ledger, StoredCheckpoint, missing
from broker.store.ledger_witnesses import Witnesses
from broker.web.administration import corrections, reconciliation
from broker.web.endpoint import fold
from schemas.errors import BadRequestData, BodyTooLarge, InvalidRequest, NotFound
from schemas.ledger.checkpoint import read_checkpoint
from schemas.ledger.entry import FlowEntry, read_entry
from schemas.ledger.note import to_base64
from schemas.ledger.receipt import make_keys
from schemas.roles import Role

_NO_STORE = {"Cache-Control": "no-store"}
_SOON = {"Retry-After": "1", **_NO_STORE}
_MOST = 1000
_LARGEST_NOTE = 4096
_LARGEST = 2**62
_Number = Annotated[int, Query(ge=0, le=_LARGEST)]
_NOTE = "text/plain"
_OPEN: dict[str, Any] = {"security": [], "x-key": ""}
_NOT_YET: dict[str, Any] = {
    "description": "There is no such checkpoint yet",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def all_routes(database: Database, callers: Callers) -> list[APIRouter]:
    """Everything under `/ledger`."""
    return [
        routes(Ledger(database), Witnesses(database), callers),
        corrections.routes(Corrections(database), callers),
        reconciliation.routes(database, callers),
    ]


def routes(ledger: Ledger, witnesses: Witnesses, callers: Callers) -> APIRouter:
    router = APIRouter(prefix="/ledger", tags=["metering"])

    # dependencies, since these come before parameters are looked at
    def whom(request: Request) -> Caller:
        return callers.identify(fold(request.headers.raw))

    def audit(request: Request) -> Caller:
        return callers.require(fold(request.headers.raw), Role.AUDITOR, Role.SECRETARIAT)

    async def newest() -> StoredCheckpoint:
        found = await ledger.latest()
        if found is None:
            raise NotFound("Nothing was signed yet; try again in a second.", field="path")
        return found

    @router.get(
        "/checkpoint",
        summary="The newest checkpoint / 最新のチェックポイント",
        response_class=Response,
        responses={200: {"content": {_NOTE: {}}}, 404: _NOT_YET},
        openapi_extra=_OPEN,
    )
    async def checkpoint(
        size: Annotated[
            int | None, Query(ge=1, le=_LARGEST, description="The first of at least so many entries")
        ] = None,
    ) -> Response:
        """A signed note (C2SP tlog-checkpoint): origin, entries, root, and the signatures of the gateway and of the
        witnesses. `Kakehashi-Witnesses` says how many witnesses; 0 means unwitnessed."""
        found = await newest() if size is None else await ledger.covering(size)
        if found is None:
            raise NotFound("There is no checkpoint of so many entries yet.", field="size", value=size)
        headers = {"Kakehashi-Witnesses": str(found.witnesses), **_NO_STORE}
        return Response(found.note, media_type=_NOTE, headers=headers)

    @router.get("/keys", summary="The keys that sign checkpoints / 署名鍵", openapi_extra=_OPEN)
    async def keys() -> JSONResponse:
        """The first key first; each later one with the note by which the one before vouches for it. Compare the
        fingerprint with one that you were told in person."""
        shown = [
            {"key": str(key), "fingerprint": key.fingerprint, "voucher": voucher}
            for key, voucher in await ledger.keys()
        ]
        return JSONResponse(shown, headers=_NO_STORE)

    @router.get("/receipt/{flow}", summary="Proof that a flow is in the ledger / 記録の証明")
    async def receipt(flow: UUID, caller: Caller = Depends(whom)) -> JSONResponse:
        """To its consumer, its provider, the secretariat and auditors: the entry, the inclusion proof (RFC 9162) that
        leads from it to the root of a checkpoint, and the keys that signed it, all for `kakehashi verify`. 202 if it
        was settled a moment ago and is not signed for yet."""
        index = await ledger.find(flow)
        latest = await ledger.latest()
        if index is None or latest is None or latest.size <= index:
            if await ledger.settled(flow):
                return JSONResponse({"flow": str(flow), "state": "pending"}, 202, headers=_SOON)
            raise missing(flow)
        entry = (await ledger.entries(index, index + 1))[0]
        if not _concerns(caller, entry.text):
            raise missing(flow)
        covering = await ledger.covering(index + 1) or latest
        # a witnessed one is worth more, if there is one
        witnessed = await ledger.latest(witnessed=True)
        chosen = witnessed if witnessed is not None and witnessed.size > index else covering
        proof = await ledger.inclusion(index, chosen.size)
        signed = read_checkpoint(chosen.note)
        cosigned = signed.witnesses(await ledger.witnesses([one.name for one in signed.note.signatures[1:]]))
        keys = make_keys(await ledger.keys(), [key for key, _ in cosigned])
        return JSONResponse(
            {
                "flow": str(flow),
                "state": "signed",
                "entry": None if entry.text is None else entry.text.decode(),
                "leaf": to_base64(entry.leaf),
                "index": index,
                "proof": [to_base64(digest) for digest in proof],
                "checkpoint": chosen.note,
                "witnesses": chosen.witnesses,
                "keys": msgspec.to_builtins(keys),
            },
            headers=_NO_STORE,
        )

    @router.get(
        "/consistency",
        summary="Proof that the ledger only grew / 追記のみの証明",
        responses={404: _NOT_YET},
        openapi_extra=_OPEN,
    )
    async def consistency(
        from_: Annotated[int, Query(alias="from", ge=0, le=_LARGEST, description="Entries of an earlier checkpoint")],
        to: Annotated[int, Query(ge=0, le=_LARGEST, description="Entries of a later one")],
    ) -> JSONResponse:
        """The consistency proof (RFC 9162) between the trees of so many entries."""
        latest = await newest()
        if from_ > to or to > latest.size:
            raise InvalidRequest(
                f"from, to and the newest checkpoint ({latest.size}) stand in this order.", field="to", value=to
            )
        proof = await ledger.consistency(from_, to)
        return JSONResponse(
            {"from": from_, "to": to, "proof": [to_base64(digest) for digest in proof]}, headers=_NO_STORE
        )

    @router.post(
        "/witness",
        status_code=204,
        response_class=Response,
        summary="A witness's cosignature / 証人の連署",
        openapi_extra={**_OPEN, "requestBody": {"required": True, "content": {_NOTE: {"schema": {"type": "string"}}}}},
    )
    async def witness(request: Request) -> Response:
        """The text of a checkpoint with the cosignature (C2SP tlog-cosignature) of a witness that is known here. The
        signature is the credential, so no key is asked for."""
        body = await request.body()
        if len(body) > _LARGEST_NOTE:
            raise BodyTooLarge(f"A cosignature has at most {_LARGEST_NOTE} bytes.", field="body")
        try:
            told = read_checkpoint(body.decode())
        except UnicodeDecodeError:
            raise BadRequestData("The body is not UTF-8.", field="body") from None
        await witnesses.cosign(told)
        return Response(status_code=204)

    @router.get(
        "/entries",
        summary="Entries of the ledger / 台帳の項目",
        response_class=Response,
        responses={200: {"content": {"application/x-ndjson": {}}}},
        openapi_extra={"x-key": "administration"},
        dependencies=[Depends(audit)],
    )
    async def entries(
        from_: Annotated[int, Query(alias="from", ge=0, le=_LARGEST, description="The first number")] = 0,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    ) -> Response:
        """To auditors and the secretariat: canonical JSON (RFC 8785), a line each, in order of their numbers. The hash
        of `0x00` and a line is a leaf of the tree. What is archived already shows as an empty line."""
        found = await ledger.entries(from_, from_ + limit)
        body = b"".join((entry.text or b"") + b"\n" for entry in found)
        return Response(body, media_type="application/x-ndjson", headers=_NO_STORE)

    return router


def _concerns(caller: Caller, text: bytes | None) -> bool:
    """Whether an entry is the caller's business. Of what is archived only its proof is left: for auditors."""
    if caller.may(Role.AUDITOR, Role.SECRETARIAT):
        return True
    entry = None if text is None else read_entry(text)
    if not isinstance(entry, FlowEntry):
        return False
    consumer = caller.consumer
    if entry.consumer_service == consumer.service:
        return True
    organisation = consumer.organisation
    if organisation is not None and organisation in (entry.consumer_organisation, entry.provider_organisation):
        return True
    return Role.OPERATOR in caller.roles and entry.provider_area is not None and entry.provider_area == consumer.area
