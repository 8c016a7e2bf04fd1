"""`/projects`: projects, their KPIs from proposal to agreement, entries, reports and filings. Served by FastAPI."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from broker.kpi.describe import described_filing, described_project, described_version
from broker.kpi.programme import Programme
from broker.kpi.report.forms import MEDIA, ReportForm, render
from broker.store.projects import Change
from broker.web.administration.kpi_access import KpiAccess
from schemas.errors import BadRequestData, InvalidRequest, NotFound
from schemas.kpi.definition import read_definition
from schemas.kpi.document import encode
from schemas.kpi.entry import read_entry
from schemas.kpi.library import LIBRARY, completed
from schemas.kpi.life import Filing
from schemas.kpi.project import Project, read_project
from schemas.kpi.reading import dump
from schemas.language import Language

_Side = Annotated[str | None, Query(description="project or secretariat; only the administration has to say it")]
_Reason = Annotated[str, Query(max_length=4000, description="Why / 理由")]
_Year = Annotated[int | None, Query(ge=2000, le=2999, description="Fiscal year (that of its April)")]
_AsOf = Annotated[date | None, Query(description="Last day (Japan time) that counts")]
_Format = Annotated[ReportForm, Query(description="json, csv, xlsx or pdf")]
_Lang = Annotated[Language, Query(description="ja or en; JSON has both")]
_REPORT: dict[int | str, dict[str, Any]] = {
    200: {"content": {media.partition(";")[0]: {} for media in MEDIA.values() if media != MEDIA[ReportForm.JSON]}}
}
_PROJECT = {
    "id": "p-toyosu",
    "name_ja": "豊洲 避難所ナビ",
    "kind": "linked",
    "first_year": 2026,
    "areas": ["toyosu"],
    "services": ["shelter-nav"],
    "payment": {"formula": "round_down(ceiling * score / full_score, -3)", "ceiling": 10000000},
    "criteria": [{"id": "novelty", "name_ja": "先進性", "points": 20}],
}
_KPI = {"library": "api-uses", "targets": [{"year": 10000}, {"year": 20000}], "weight": 40, "baseline": 0}


def routes(programme: Programme, access: KpiAccess) -> APIRouter:
    # before anything else is looked at, the body included
    router = APIRouter(prefix="/projects", tags=["programme"], dependencies=[Depends(access.anybody)])
    projects, filings = programme.projects, programme.filings

    async def seen(request: Request, project: str) -> Project:
        found = (await projects.get(project)).project
        if not access.sees(access.reader(request), found):
            raise NotFound(f"There is no project {project}.", field="project", value=project)
        return found

    async def change(request: Request, project: str, side: str | None, reason: str = "") -> Change:
        return access.change(access.writer(request), (await projects.get(project)).project, side, reason)

    @router.get("", summary="The projects / プロジェクト一覧")
    async def list_all(request: Request) -> Response:
        """Those that the caller may see, by id."""
        caller = access.reader(request)
        found = [one for one in await projects.all() if access.sees(caller, one.project)]
        return _json([described_project(one) for one in found])

    @router.get("/{project}", summary="One project / プロジェクト")
    async def show(request: Request, project: str) -> Response:
        """Its newest version."""
        await seen(request, project)
        return _json(described_project(await projects.get(project)))

    @router.put("/{project}", summary="Write a project / プロジェクトの登録・変更")
    async def put(
        request: Request, project: str, document: Annotated[Any, Body(examples=[_PROJECT])], reason: _Reason = ""
    ) -> Response:
        """A new version; earlier ones stay. Areas, services, criteria, and how it is paid."""
        caller = access.secretariat(request)
        if not isinstance(document, dict):
            raise BadRequestData("a project is a JSON object", field="body")
        read = read_project({"id": project} | document)
        if read.id != project:
            raise BadRequestData("The id is that of the path.", field="id", value=read.id)
        made = await projects.put(read, access.change(caller, read, None, reason))
        return _json(described_project(made), 201 if made.version == 1 else 200)

    @router.get("/{project}/kpis", summary="Every version of its KPIs / KPIの全版")
    async def versions(request: Request, project: str) -> Response:
        """Who proposed what, when and why, and who agreed."""
        await seen(request, project)
        return _json([described_version(one) for one in await projects.versions(project)])

    @router.post("/{project}/kpis", status_code=201, summary="Propose a KPI or a change of it / KPIの提案・修正案")
    async def propose(
        request: Request,
        project: str,
        document: Annotated[Any, Body(examples=[_KPI])],
        side: _Side = None,
        reason: _Reason = "",
    ) -> Response:
        """A new version: the definition whole, or `library` with what is the project's own. The proposer agrees to it;
        with the other side's consent it is agreed, for good, and enters the ledger."""
        if not isinstance(document, dict):
            raise BadRequestData("a KPI is a JSON object", field="body")
        by = await change(request, project, side, reason)
        return _json(described_version(await projects.propose(project, read_definition(completed(document)), by)), 201)

    at = "/{project}/kpis/{kpi}/versions/{version}"

    @router.post(f"{at}/agree", summary="Agree to a version / 合意")
    async def agree(request: Request, project: str, kpi: str, version: int, side: _Side = None) -> Response:
        """With both sides' consent it is agreed and never changes."""
        by = await change(request, project, side)
        return _json(described_version(await projects.agree(project, kpi, _small(version), by)))

    @router.post(f"{at}/withdraw", summary="Give up what is not agreed / 取下げ")
    async def withdraw(
        request: Request, project: str, kpi: str, version: int, side: _Side = None, reason: _Reason = ""
    ) -> Response:
        by = await change(request, project, side, reason)
        return _json(described_version(await projects.withdraw(project, kpi, _small(version), by)))

    @router.post("/{project}/kpis/{kpi}/entries", status_code=204, summary="Enter a value or words / 実績・理由の入力")
    async def enter(
        request: Request,
        project: str,
        kpi: str,
        document: Annotated[Any, Body(examples=[{"value": 4.2, "evidence": "https://example.jp/survey.pdf"}])],
        period: Annotated[str, Query(description="2026, 2026-Q1 or 2026-11")] = "",
    ) -> Response:
        """Values (with evidence) of KPIs that are not measured; 未達理由, 改善策 and remarks of all. Later ones go
        before earlier ones, which stay in the ledger."""
        by = await change(request, project, None)
        await programme.enter(project, kpi, period, read_entry(document), by.actor)
        return Response(status_code=204)

    @router.get("/{project}/report", summary="The report of a year, as it is now / 報告書", responses=_REPORT)
    async def report(
        request: Request,
        project: str,
        year: _Year = None,
        as_of: _AsOf = None,
        raw: Annotated[bool, Query(description="Counted from the flows instead of the roll-ups")] = False,
        kind: Annotated[Filing, Query(description="status, result or individual")] = Filing.STATUS,
        format: _Format = ReportForm.JSON,
        lang: _Lang = Language.JA,
    ) -> Response:
        """A closed year shows its closing's figures."""
        await seen(request, project)
        if kind in (Filing.CLOSING, Filing.EVALUATION):
            raise InvalidRequest("kind is status, result or individual.", field="kind", value=kind.value)
        return _form(await programme.report(project, year, kind, as_of=as_of, raw=raw), format, lang)

    @router.get("/{project}/filings", summary="What was filed / 提出済みの報告")
    async def filed(request: Request, project: str, year: _Year = None) -> Response:
        """状況報告, closings, 結果報告, evaluations, by year and number."""
        await seen(request, project)
        return _json([described_filing(one) for one in await filings.filed(project, year)])

    @router.get("/{project}/filings/{year}/{number}", summary="One of them / 報告1件")
    async def one_filed(request: Request, project: str, year: int, number: int) -> Response:
        """The bytes that were filed; their SHA-256 is in the list."""
        await seen(request, project)
        found = [one for one in await filings.filed(project, _small(year)) if one.number == number]
        if not found:
            raise NotFound("There is no such filing.", field="number", value=number)
        return Response(found[0].body, media_type="application/json")

    @router.post("/{project}/filings", status_code=201, summary="File / 提出・締め・評価")
    async def file(
        request: Request,
        project: str,
        year: Annotated[int, Query(ge=2000, le=2999, description="Fiscal year (that of its April)")],
        kind: Annotated[str, Query(description=", ".join(Filing))],
        document: Annotated[Any, Body(examples=[{}], description="Of an evaluation: points by criterion")] = None,
        supersedes: Annotated[int | None, Query(ge=1, le=10**6, description="The one that this corrects")] = None,
    ) -> Response:
        """`status` (状況報告) and `individual` (個別会): the report as it is now. `closing`: the year's measured
        figures, after its end. `result` (結果報告): final, needs a witnessed ledger. `evaluation`: the committee's
        points; the payment comes of it. The last three are the secretariat's."""
        try:
            chosen = Filing(kind)
        except ValueError:
            raise InvalidRequest(f"kind is one of {', '.join(Filing)}.", field="kind", value=kind) from None
        by = await change(request, project, None)
        if chosen in (Filing.STATUS, Filing.INDIVIDUAL):
            made = await programme.file_status(project, year, by.actor, chosen)
        else:
            access.secretariat(request)
            if chosen is Filing.CLOSING:
                made = await programme.close(project, year, by.actor, supersedes=supersedes)
            elif chosen is Filing.RESULT:
                made = await programme.file_result(project, year, by.actor, supersedes=supersedes)
            else:
                made = await programme.evaluate(project, year, document or {}, by.actor)
        where = f"/projects/{quote(project)}/filings/{year}/{made.number}"
        return _json(described_filing(made), 201, {"location": where})

    return router


def kpi_routes(programme: Programme, access: KpiAccess) -> APIRouter:
    router = APIRouter(prefix="/kpi", tags=["programme"], dependencies=[Depends(access.anybody)])

    @router.get("/library", summary="Ready definitions / 定義集")
    async def library() -> Response:
        """After the KPIs of the guidebook of the Digital Agency."""
        return _json([dump(one) for one in LIBRARY])

    @router.get("/joint", summary="All projects side by side / 合同会資料", responses=_REPORT)
    async def joint(
        year: _Year = None, as_of: _AsOf = None, format: _Format = ReportForm.JSON, lang: _Lang = Language.JA
    ) -> Response:
        """Targets and results of every project, and entities by pair of areas; what is a project's own is masked."""
        return _form(await programme.joint(year, as_of=as_of), format, lang)

    return router


def _small(number: int) -> int:
    """What PostgreSQL takes as an integer; anything else is the number of nothing."""
    return number if abs(number) < 2**31 else -1


def _form(document: dict[str, Any], form: ReportForm, language: Language) -> Response:
    name = f"{document['kind']}-{document['year']}.{form.value}"
    headers = {"cache-control": "no-store", "content-disposition": f'inline; filename="{name}"'}
    return Response(render(document, form, language.value), headers=headers, media_type=MEDIA[form])


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        encode(value), status, {"cache-control": "no-store", **(headers or {})}, media_type="application/json"
    )
