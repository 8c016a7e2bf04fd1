"""`/kpi/feed`, `/kpi/hooks`, `/kpi/public`: figures for those who follow along, and for everybody."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from broker.kpi.feed_forms import as_object, dead_letter, described_hook, feed_csv
from broker.kpi.programme import Programme
from broker.kpi.public import public_csv, public_month
from broker.kpi.push import Pusher
from broker.store.kpi_feed import KpiFeed
from broker.web.administration.kpi_access import KpiAccess
from schemas.errors import InvalidRequest
from schemas.kpi.document import encode
from schemas.kpi.hook import read_hook

_MOST = 1000
_HOOK = {"id": "secretariat", "url": "https://example.jp/kakehashi"}


class FeedForm(StrEnum):
    JSON = "json"
    CSV = "csv"


_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
_Form = Annotated[FeedForm, Query(description="json or csv")]


def routes(programme: Programme, feed: KpiFeed, pusher: Pusher, access: KpiAccess) -> APIRouter:
    router = APIRouter(prefix="/kpi", tags=["programme"])
    known, office = [Depends(access.anybody)], [Depends(access.secretariat)]

    @router.get(
        "/feed", summary="Figures and filings since a cursor / 指標フィード", dependencies=known, responses=_CSV
    )
    async def items(
        request: Request,
        cursor: Annotated[str, Query(max_length=20, description="From Kakehashi-Next-Cursor")] = "0",
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
        format: _Form = FeedForm.JSON,
    ) -> Response:
        """Daily and monthly figures and what was filed, in order; nothing ever appears behind what was read."""
        after = _cursor(cursor)
        caller = access.reader(request)
        mine = [one.project.id for one in await programme.projects.all() if access.sees(caller, one.project)]
        found = await feed.read(after, limit, mine)
        headers = {
            "kakehashi-next-cursor": str(found[-1].seq if found else after),
            "cache-control": "no-store",
        }
        if format is FeedForm.CSV:
            return Response(feed_csv(found), headers=headers, media_type="text/csv; charset=utf-8")
        return Response(encode([as_object(one) for one in found]), headers=headers, media_type="application/json")

    @router.get("/hooks", summary="Who is told / 送信先", dependencies=office)
    async def hooks() -> Response:
        """Without their secrets."""
        return _json([described_hook(one) for one in await feed.hooks()])

    @router.post("/hooks", status_code=201, summary="Tell somebody / 送信先の登録", dependencies=office)
    async def add(document: Annotated[Any, Body(examples=[_HOOK])]) -> Response:
        """Items are posted as CloudEvents, signed as Standard Webhooks say; the secret is in this answer only. `since`:
        also what is in the feed behind that cursor."""
        given = read_hook(document)
        secret = await pusher.add(given.id, given.url, since=given.since)
        return _json({"id": given.id, "url": given.url, "secret": secret}, 201)

    @router.delete("/hooks/{hook}", status_code=204, summary="Tell no more / 送信先の削除", dependencies=office)
    async def remove(hook: str) -> Response:
        """With what was still to be delivered."""
        await feed.remove_hook(_id(hook))
        return Response(status_code=204)

    @router.get("/hooks/{hook}/dead", summary="What was given up on / 送信できなかった項目", dependencies=office)
    async def dead(hook: str) -> Response:
        """After ten attempts, with the last error."""
        found = await feed.dead(_id(hook))
        return _json([dead_letter(one) for one in found])

    @router.post("/hooks/{hook}/retry", summary="Try those again / 再送", dependencies=office)
    async def retry(hook: str) -> Response:
        """They are due at once."""
        return _json({"revived": await feed.revive(_id(hook))})

    @router.get(
        "/public", summary="Public statistics of a month / 公開統計", responses=_CSV, openapi_extra={"security": []}
    )
    async def public(
        month: Annotated[str | None, Query(description="2026-11; the last whole one if not given")] = None,
        format: _Form = FeedForm.JSON,
    ) -> Response:
        """Uses by providing and consuming area. Counts below 10 are left out, with as many others as it takes that they
        can't be computed back. For everybody."""
        found = await public_month(programme.database, month)
        if format is FeedForm.CSV:
            return Response(public_csv(found), media_type="text/csv; charset=utf-8")
        return Response(encode(found), media_type="application/json")

    return router


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidRequest("This is not a cursor that was given out here.", field="cursor", value=text)
    return int(text)


def _id(hook: str) -> str:
    return hook.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _json(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status, {"cache-control": "no-store"}, media_type="application/json")
