"""`/catalog/sources`: which catalogues are harvested, and how that goes. Administration."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Body, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from broker.harvest.inputs import SourceInput, describe_source
from broker.web.catalog.desk import Desk
from broker.web.catalog.questions import number
from schemas.catalogue import CatalogueMode
from schemas.errors import AlreadyExists, InvalidRequest, OperationNotSupported

_Text = str | None
_EXAMPLE = {
    "id": "tokyo",
    "kind": "ckan",
    "endpoint": "https://catalog.example.jp",
    "title": "東京都オープンデータカタログ",
}


def routes(desk: Desk) -> APIRouter:
    """Every route needs the key of the administration in closed mode."""

    def administer(request: Request) -> None:
        desk.administers(request)

    router = APIRouter(prefix="/catalog", tags=["catalogue"], dependencies=[Depends(administer)])

    @router.get("/sources", summary="The catalogues that are harvested / カタログ一覧")
    async def list_all() -> JSONResponse:
        """In order of id, each with how its harvest stands."""
        return JSONResponse([describe_source(*pair) for pair in await desk.catalogue.sources.all()])

    @router.post("/sources", status_code=201, summary="Add a catalogue / カタログを登録する")
    async def create(
        document: Annotated[
            Any,
            Body(description="A catalogue", json_schema_extra=SourceInput.model_json_schema(), examples=[_EXAMPLE]),
        ],
        force: Annotated[bool, Query(description="Keep it though it did not answer / 応答がなくても登録する")] = False,
    ) -> JSONResponse:
        """Talks to it once and says what it found; with a fault nothing is stored, unless `force`. Harvested soon."""
        made = await desk.catalogue.add(document, force=force)
        return JSONResponse(made, 201, {"location": f"/catalog/sources/{made['id']}"})

    @router.get("/sources/{source_id}", summary="One catalogue / カタログの詳細")
    async def retrieve(source_id: str) -> JSONResponse:
        """With how its harvest stands; never with its credential."""
        return JSONResponse(describe_source(*await desk.catalogue.sources.get(source_id)))

    @router.delete("/sources/{source_id}", status_code=204, summary="Forget a catalogue / カタログを削除する")
    async def remove(source_id: str) -> Response:
        """With all its datasets."""
        await desk.catalogue.sources.delete(source_id)
        return Response(status_code=204)

    @router.post("/sources/{source_id}/harvest", status_code=202, summary="Harvest it now / 今すぐ収集する")
    async def harvest(
        source_id: str,
        later: BackgroundTasks,
        force: Annotated[
            bool, Query(description="Take away what is missing, however much / 大量の欠落も反映する")
        ] = False,
    ) -> JSONResponse:
        """Begins at once; how it goes is told by the source. 409 while one is under way."""
        source, status = await desk.catalogue.sources.get(source_id)
        if source.mode is CatalogueMode.ASK:
            raise OperationNotSupported(
                "it is asked at the time of a search, and never copied", field="mode", value="ask"
            )
        if not await desk.catalogue.harvester.free(source_id):
            raise AlreadyExists("a harvest of it is under way", field="source_id", value=source_id)
        later.add_task(desk.catalogue.harvest_quietly, source_id, forced=force)
        return JSONResponse(describe_source(source, status), 202)

    @router.get("/sources/{source_id}/faults", summary="Records that were skipped / 読めなかったレコード")
    async def faults(
        source_id: str,
        limit: Annotated[_Text, Query(description="1 to 1000; 100 if not given")] = None,
        offset: Annotated[_Text, Query(description="How many to leave out")] = None,
    ) -> JSONResponse:
        """Each with the reason; they don't keep the others from being harvested."""
        rows, total = await desk.catalogue.sources.faults(
            source_id,
            limit=number(limit, "limit", 100, 1, 1000),
            offset=number(offset, "offset", 0, 0, 1_000_000),
        )
        body = [{"identifier": r.identifier, "words": r.words, "run": r.run, "time": r.time.isoformat()} for r in rows]
        return JSONResponse(body, headers={"kakehashi-results-count": str(total)})

    @router.get("/links", summary="Files that can't be had / 取得できないファイル")
    async def links(
        source: Annotated[_Text, Query(description="Only of this source")] = None,
        limit: Annotated[_Text, Query(description="1 to 1000; 100 if not given")] = None,
        offset: Annotated[_Text, Query(description="How many to leave out")] = None,
    ) -> JSONResponse:
        """In order of their datasets, with why and when that was found, by a user or by the gateway itself."""
        if source is not None and "\0" in source:
            raise InvalidRequest("a parameter has a NUL character", field="source")
        rows, total = await desk.catalogue.links.broken(
            source, limit=number(limit, "limit", 100, 1, 1000), offset=number(offset, "offset", 0, 0, 1_000_000)
        )
        return JSONResponse([asdict(row) for row in rows], headers={"kakehashi-results-count": str(total)})

    @router.get("/changes", summary="What harvests changed / 変更履歴")
    async def changes(
        after: Annotated[_Text, Query(description="Number of an earlier change")] = None,
        source: Annotated[_Text, Query(description="Only of this source")] = None,
        limit: Annotated[_Text, Query(description="1 to 1000; 100 if not given")] = None,
    ) -> JSONResponse:
        """In their order: added, changed, removed. Of live datasets only their coming and going."""
        if source is not None and "\0" in source:
            raise InvalidRequest("a parameter has a NUL character", field="source")
        rows = await desk.catalogue.sources.changes(
            after=number(after, "after", 0, 0, 999_999_999), source=source, limit=number(limit, "limit", 100, 1, 1000)
        )
        return JSONResponse(
            [
                {
                    "number": r.seq,
                    "time": r.time.isoformat(),
                    "source": r.source,
                    "run": r.run,
                    "kind": r.kind,
                    "dataset": r.dataset,
                    "identifier": r.identifier,
                    "title": r.title,
                }
                for r in rows
            ]
        )

    return router
