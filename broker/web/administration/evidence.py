"""`/projects/{project}/evidence`: a report with all that it takes to check it. Served by FastAPI."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from broker.gateway.evidence import EvidenceDesk
from broker.kpi.bundling import Wanted
from broker.store.projects import Projects
from broker.web.administration.kpi_access import KpiAccess
from schemas.errors import Forbidden, InvalidRequest, NotFound
from schemas.kpi.life import Filing
from schemas.roles import Role


def routes(projects: Projects, desk: EvidenceDesk, access: KpiAccess) -> APIRouter:
    router = APIRouter(prefix="/projects", tags=["programme"], dependencies=[Depends(access.anybody)])

    @router.get(
        "/{project}/evidence",
        summary="A report's evidence / 報告書の証拠一式",
        response_class=FileResponse,
        responses={200: {"content": {"application/zip": {}}}},
    )
    async def evidence(
        request: Request,
        project: str,
        year: Annotated[int | None, Query(ge=2000, le=2999, description="Fiscal year (that of its April)")] = None,
        kind: Annotated[Filing, Query(description="Of the report as it is now: status, individual or result")] = (
            Filing.STATUS
        ),
        as_of: Annotated[date | None, Query(description="Last day (Japan time) that counts")] = None,
        filing: Annotated[
            int | None, Query(ge=1, le=10**6, description="Number of a filed report, instead of the one of now")
        ] = None,
        masked: Annotated[bool | None, Query(description="Entries that are not the project's own as hashes")] = None,
    ) -> FileResponse:
        """A ZIP file that `kakehashi verify` checks without us: entries of the ledger with proofs, the definitions that
        were agreed, corrections, the report; every figure is counted anew. The secretariat and auditors get it whole;
        the project's own people get it `masked`."""
        caller = access.reader(request)
        found = (await projects.get(project)).project
        if not access.sees(caller, found):
            raise NotFound(f"There is no project {project}.", field="project", value=project)
        if kind in (Filing.CLOSING, Filing.EVALUATION):
            raise InvalidRequest("kind is status, result or individual.", field="kind", value=kind.value)
        whole = caller.may(Role.SECRETARIAT, Role.AUDITOR)
        if masked is False and not whole:
            raise Forbidden("what is others' is for the secretariat and auditors", field="masked")
        hidden = not whole if masked is None else masked
        folder = Path(tempfile.mkdtemp(prefix="kakehashi.evidence."))
        try:
            made = folder / f"evidence-{found.id}.zip"
            await desk.write(Wanted(project, year, kind, as_of, filing, hidden), made)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return FileResponse(
            made,
            media_type="application/zip",
            filename=made.name,
            headers={"cache-control": "no-store"},
            background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
        )

    return router
