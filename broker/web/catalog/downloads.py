"""Files of the catalogue through the gateway: downloads and previews, which are flows."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.responses import StreamingResponse

from broker.gateway.downloads import Downloads
from broker.gateway.gateway import Envelope
from broker.harvest.rights import ByRights
from broker.identity.callers import Caller
from broker.web.catalog.desk import SERVICE, Desk
from broker.web.catalog.questions import number
from catalog.preview import preview
from schemas.errors import BadUpstream, NotFound
from schemas.flow import uuid7

_PREVIEWED = 8 * 1024 * 1024
_MEDIA = re.compile(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,100}(?:;\s*charset=[A-Za-z0-9_-]{1,40})?")
# whatever a file of somebody else's says, it must not run in this gateway's name
_SAFE = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
# OpenAPI has no word for "any"
_FILES: dict[str, Any] = {media: {} for media in ("application/octet-stream", "text/csv", "application/json")}
_UPSTREAM: dict[int | str, dict[str, Any]] = {502: {"description": "The file can't be had", **_PROBLEM}}


def routes(desk: Desk, downloads: Downloads, rights: ByRights) -> APIRouter:
    """Whoever fetches is known: these are flows."""
    router = APIRouter(prefix="/catalog/datasets/{dataset_id}/distributions/{place}", tags=["catalogue"])

    @router.get(
        "/download",
        summary="A file, through the gateway / ファイルの取得",
        response_class=Response,
        responses={200: {"content": _FILES}, **_UPSTREAM},
        openapi_extra=SERVICE,
    )
    async def download(request: Request, dataset_id: str, place: str) -> Response:
        """Streamed and metered: a record before the first byte, another before the last. `Kakehashi-Flow` names the
        first. 403 where an agreement is needed and there is none."""
        caller = desk.uses(request)
        hit = await desk.hit(dataset_id)
        opened = await downloads.open(
            hit.dataset, _place(place), _envelope(request, caller), rights.to_fetch(caller, hit.dataset)
        )
        one = hit.dataset.distributions[_place(place)]
        headers = {
            **_SAFE,
            "Kakehashi-Flow": str(opened.flow.id),
            "Content-Disposition": f"attachment; filename*=UTF-8''{_name(one.download_url, one.format)}",
        }
        if opened.length is not None:
            headers["Content-Length"] = str(opened.length)
        media = opened.media_type if _MEDIA.fullmatch(opened.media_type) else "application/octet-stream"
        return StreamingResponse(opened.chunks, media_type=media, headers=headers)

    @router.get(
        "/preview",
        summary="The first rows of a file / ファイルのプレビュー",
        responses=_UPSTREAM,
        openapi_extra=SERVICE,
    )
    async def first_rows(
        request: Request,
        dataset_id: str,
        place: str,
        rows: Annotated[str | None, Query(description="1 to 100; 20 if not given")] = None,
    ) -> JSONResponse:
        """CSV, JSON, GeoJSON and XLSX, in whatever encoding. Metered as `preview`."""
        caller = desk.uses(request)
        most = number(rows, "rows", 20, 1, 100)
        hit = await desk.hit(dataset_id)
        data, whole, flow = await downloads.head(
            hit.dataset, _place(place), _envelope(request, caller), rights.to_fetch(caller, hit.dataset), _PREVIEWED
        )
        try:
            found = await asyncio.to_thread(preview, data, whole=whole, rows=most)
        except BadUpstream as e:
            await downloads.read(hit.dataset, _place(place), e.detail)
            raise
        await downloads.read(hit.dataset, _place(place), None)
        body = {
            "format": found.format,
            "encoding": found.encoding,
            "header_row": found.header_row,
            "columns": found.columns,
            "rows": found.rows,
            "more": found.more,
        }
        return JSONResponse(body, headers={"Kakehashi-Flow": str(flow.id), "Cache-Control": "no-store"})

    return router


def _place(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise NotFound("the dataset has no such distribution", field="place", value=text)
    return int(text)


def _envelope(request: Request, caller: Caller) -> Envelope:
    return Envelope(uuid7(), datetime.now(UTC), caller, request.headers.get("via"))


def _name(url: str, kind: str) -> str:
    """What the file is called there, percent-encoded."""
    last = unquote(urlsplit(url).path.rpartition("/")[2])[:200]
    plain = "".join(c for c in last if c.isprintable() and c not in '/\\:*?"<>|')
    return quote(plain or f"data.{kind.lower() or 'bin'}", safe="")
