"""`/catalog`: searching and reading datasets, as JSON, DCAT or a page. Served by FastAPI, which documents it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from broker.store.catalog_search import Filter
from broker.web.catalog.desk import DCAT, FORMS, NO_STORE, PAGE, SERVICE, Desk, contents, form, rdf
from broker.web.catalog.page import dataset_page
from broker.web.catalog.questions import MOST, CatalogQuestion, number, parse_search
from broker.web.negotiation import Media
from catalog.faces.dcat import catalogue_page, dataset_nodes
from catalog.faces.schema_org import schema_org
from catalog.hit import Hit, Origin
from catalog.search.question import parse
from catalog.search.synonyms import suggestions
from schemas import loose
from schemas.dataset import Dataset
from schemas.errors import BadRequestData, InvalidRequest

_Text = str | None
_Many = list[str] | None
_PAGE_OF_DCAT = 100


def routes(desk: Desk) -> APIRouter:
    """Reading needs a service's key, or none where the catalogue is public."""
    router = APIRouter(prefix="/catalog", tags=["catalogue"])

    @router.get(
        "",
        summary="The whole catalogue, page by page / カタログ全体",
        response_class=Response,
        responses=contents(*FORMS),
        openapi_extra=SERVICE,
    )
    async def catalogue(
        request: Request,
        after: Annotated[_Text, Query(description="Where the page before ended, as its link to the next says")] = None,
        limit: Annotated[_Text, Query(description=f"1 to {MOST}; {_PAGE_OF_DCAT} if not given")] = None,
        modified_since: Annotated[
            _Text, Query(description="Only what the catalogue saw change since (RFC 3339)")
        ] = None,
    ) -> Response:
        """Every dataset once, with all catalogues that have it, as JSON or, by Accept, as DCAT in JSON-LD, Turtle or
        RDF/XML with hydra paging: for other catalogues that harvest this one."""
        caller = desk.reads(request)
        media = form(request, FORMS)
        most = number(limit, "limit", _PAGE_OF_DCAT, 1, MOST)
        since = _since(modified_since)
        hits, total = await desk.catalogue.search.listed(after=_id(after), since=since, limit=most + 1)
        base = desk.base(request)
        kept = {"limit": str(most), **({"modified_since": since} if since else {})}
        more = len(hits) > most
        hits = hits[:most]
        following = f"{base}/catalog?{urlencode({**kept, 'after': hits[-1].cluster})}" if more else ""
        headers = {"Link": f'<{following}>; rel="next"'} if following else {}
        if media is Media.JSON:
            body = {"total": total, "datasets": [desk.shown(h, caller, base) for h in hits], "next": following or None}
            return JSONResponse(body, headers={**NO_STORE, **headers})
        first = f"{base}/catalog?{urlencode(kept)}"
        this = f"{base}/catalog?{urlencode({**kept, **({'after': after} if after else {})})}"
        nodes = catalogue_page(hits, base, total=total, this=this, first=first, following=following)
        return await rdf(nodes, media, headers)

    @router.get(
        "/datasets",
        summary="Search datasets / データセットを検索する",
        response_class=Response,
        responses=contents(*FORMS),
        openapi_extra=SERVICE,
    )
    async def search(
        request: Request,
        q: Annotated[_Text, Query(description="Words, Japanese or English / 検索語")] = None,
        area: Annotated[_Many, Query(description="otemachi, takeshiba, toyosu, nishi-shinjuku")] = None,
        publisher: Annotated[_Many, Query(description="Name of the publisher / 公開者")] = None,
        theme: Annotated[_Many, Query(description="Theme / 分野")] = None,
        format: Annotated[_Many, Query(description="CSV, GEOJSON, NGSI-LD, …")] = None,
        licence: Annotated[_Many, Query(description="Id of the licence, such as CC-BY-4.0")] = None,
        access: Annotated[_Many, Query(description="open, agreement or unknown")] = None,
        source: Annotated[_Many, Query(description="Id of a catalogue source, or live:PLATFORM")] = None,
        type: Annotated[_Many, Query(description="Entity type that it is about")] = None,
        keyword: Annotated[_Many, Query(description="Keyword / キーワード")] = None,
        bbox: Annotated[_Text, Query(description="west,south,east,north that it touches, WGS 84")] = None,
        start: Annotated[
            _Text, Query(description="Its temporal coverage reaches into the time from this day …")
        ] = None,
        end: Annotated[_Text, Query(description="… to this day")] = None,
        modified_since: Annotated[_Text, Query(description="Changed at or after this time")] = None,
        kind: Annotated[_Text, Query(description="live, file or any")] = None,
        sort: Annotated[_Text, Query(description="relevance, modified or title")] = None,
        limit: Annotated[_Text, Query(description=f"1 to {MOST}; 20 if not given")] = None,
        offset: Annotated[_Text, Query(description="How many to leave out")] = None,
        facets: Annotated[_Text, Query(description="Facets to count, comma-separated: area,publisher,…")] = None,
        ask: Annotated[_Text, Query(description="false: don't ask catalogues that can't be copied")] = None,
    ) -> Response:
        """Live and usable data first. The same dataset in several catalogues is one hit with all its origins. Facets
        may be repeated, which means or."""
        caller = desk.reads(request)
        media = form(request, FORMS)
        question = parse_search(request.query_params.multi_items())
        found = await desk.catalogue.search.search(
            question.where, limit=question.limit, offset=question.offset, sort=question.sort
        )
        base = desk.base(request)
        headers = {"Kakehashi-Results-Count": str(found.total), **_next(request, question, found.total, base)}
        if media is not Media.JSON:
            following = headers.get("Link", "").partition(">")[0].removeprefix("<")
            here = f"{base}/catalog/datasets?{request.url.query}"
            nodes = catalogue_page(found.hits, base, total=found.total, this=here, first=here, following=following)
            return await rdf(nodes, media, headers)
        body: dict[str, Any] = {
            "total": found.total,
            "loose": found.loose,
            "datasets": [desk.shown(hit, caller, base) for hit in found.hits],
        }
        if question.facets:
            told = await desk.catalogue.search.facets(question.where, question.facets)
            body["facets"] = {n: [{"value": v, "count": c} for v, c in rows] for n, rows in told.items()}
        if question.ask and question.words and not question.offset:
            others, warnings = await desk.catalogue.ask_others(question.words, question.limit)
            if others or warnings:
                body["asked"] = {
                    "datasets": [desk.shown(_passing(dataset), caller, base) for dataset in others],
                    "warnings": warnings,
                }
        return JSONResponse(body, headers={**NO_STORE, **headers})

    @router.get("/suggest", summary="Words to search for / 検索候補", openapi_extra=SERVICE)
    async def suggest(
        request: Request,
        q: Annotated[_Text, Query(description="What was typed so far")] = None,
        limit: Annotated[_Text, Query(description="1 to 20; 10 if not given")] = None,
    ) -> JSONResponse:
        """Words of the synonyms, keywords and titles that go on from what was typed."""
        desk.reads(request)
        most = number(limit, "limit", 10, 1, 20)
        text = q or ""
        words = [*suggestions(text), *await desk.catalogue.search.suggest(text, most)]
        return JSONResponse(list(dict.fromkeys(words))[:most], headers=NO_STORE)

    @router.get(
        "/datasets/{dataset_id}/similar", summary="Similar datasets / 似ているデータセット", openapi_extra=SERVICE
    )
    async def similar(request: Request, dataset_id: str) -> JSONResponse:
        """At most ten: about the same, whatever the place."""
        caller = desk.reads(request)
        hit = await desk.hit(dataset_id)
        where = Filter(parse(" ".join((hit.dataset.title, *hit.dataset.keywords))), least=1, without=hit.dataset.id)
        found = await desk.catalogue.search.search(where, limit=10, offset=0)
        same = {origin.id for origin in hit.origins}
        base = desk.base(request)
        rows = [desk.shown(h, caller, base) for h in found.hits if h.dataset.id not in same]
        return JSONResponse(rows, headers=NO_STORE)

    @router.get(
        "/datasets/{dataset_id}",
        summary="One dataset / データセット",
        response_class=Response,
        responses=contents(*PAGE),
        openapi_extra=SERVICE,
    )
    async def dataset(
        request: Request,
        dataset_id: str,
        profile: Annotated[_Text, Query(description="schema.org: JSON-LD for search engines")] = None,
    ) -> Response:
        """By the catalogue's id, or by the name or identifier that its source gives it. JSON, DCAT, or a page that has
        schema.org/Dataset in it."""
        caller = desk.reads(request)
        if profile not in (None, "schema.org"):
            raise BadRequestData("the only profile is schema.org", field="profile", value=profile)
        media = form(request, PAGE)
        hit = await desk.hit(dataset_id)
        base = desk.base(request)
        if profile is not None:
            return JSONResponse(schema_org(hit.dataset, base), media_type="application/ld+json", headers=NO_STORE)
        if media is Media.HTML:
            return dataset_page(hit, base, desk.state(caller, hit.dataset))
        if media in DCAT:
            return await rdf(dataset_nodes(hit, base), media)
        return JSONResponse(desk.shown(hit, caller, base), headers=NO_STORE)

    return router


def _next(request: Request, question: CatalogQuestion, total: int, base: str) -> dict[str, str]:
    end = question.offset + question.limit
    if end >= total:
        return {}
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "offset"]
    return {"Link": f'<{base}/catalog/datasets?{urlencode([*kept, ("offset", str(end))])}>; rel="next"'}


def _passing(dataset: Dataset) -> Hit:
    """A dataset of a catalogue that may be asked and not copied."""
    return Hit(dataset, 0.0, (Origin(dataset.id, dataset.source, dataset.identifier),))


def _since(text: str | None) -> str | None:
    if text is None:
        return None
    found = loose.instant(text)
    if not found:
        raise BadRequestData("a date or a time (RFC 3339)", field="modified_since", value=text)
    return found


def _id(text: str | None) -> str:
    if text is not None and (not text.isascii() or not text.isalnum()):
        raise InvalidRequest("the id of a dataset", field="after", value=text)
    return text or ""
