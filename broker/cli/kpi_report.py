"""`kakehashi kpi report`: a project's year, or all projects side by side, in the form that is asked for."""

from __future__ import annotations

import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.help_view import Command, Group
from broker.cli.kpi_files import write_out
from broker.cli.kpi_life import Actor, filed_said
from broker.cli.session import session_of
from broker.kpi.report.forms import ReportForm, render
from schemas.errors import BadRequestData
from schemas.kpi.life import Filing

if TYPE_CHECKING:
    from broker.house import House

app = typer.Typer(cls=Group)


class ReportKind(StrEnum):
    STATUS = "status"
    RESULT = "result"
    INDIVIDUAL = "individual"
    JOINT = "joint"


@app.command("report", cls=Command, help="kpi.report.help")
def report(
    context: typer.Context,
    project: Annotated[str | None, typer.Option("--project", help="kpi.report.project")] = None,
    year: Annotated[int | None, typer.Option("--year", min=2000, max=2999, help="kpi.year")] = None,
    kind: Annotated[ReportKind, typer.Option("--kind", help="kpi.report.kind")] = ReportKind.STATUS,
    form: Annotated[ReportForm, typer.Option("--format", help="kpi.report.format")] = ReportForm.JSON,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="kpi.report.out")] = None,
    as_of: Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="kpi.report.as_of")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="kpi.report.raw")] = False,
    file: Annotated[bool, typer.Option("--file", help="kpi.report.file")] = False,
    supersedes: Annotated[int | None, typer.Option("--supersedes", min=1, max=10**6, help="kpi.supersedes")] = None,
    actor: Actor = "administration",
) -> None:
    """Without --out to standard output. --file files it as well: a result is final."""
    session = session_of(context)
    if (project is None) != (kind is ReportKind.JOINT):
        raise BadRequestData("A joint report is of all projects, every other of one.", field="--project", value=project)
    if file and kind is ReportKind.JOINT:
        raise BadRequestData("A joint report is not filed.", field="--file")
    if out is None and form in (ReportForm.XLSX, ReportForm.PDF) and sys.stdout.isatty():
        raise BadRequestData("This form goes into a file.", field="--out")
    last: date | None = None if as_of is None else as_of.date()

    async def work(house: House) -> tuple[dict[str, Any], Any]:
        programme = house.programme
        if project is None:
            return await programme.joint(year, as_of=last), None
        chosen = Filing(kind.value)
        document = await programme.report(project, year, chosen, as_of=last, raw=raw)
        if not file:
            return document, None
        if chosen is Filing.RESULT:
            return document, await programme.file_result(project, document["year"], actor, supersedes=supersedes)
        return document, await programme.file_status(project, document["year"], actor, chosen)

    document, filed = session.with_house(work)
    made = render(document, form, session.language.value)
    write_out(session, made, out)
    if filed is not None:
        filed_said(session, filed)
