"""`kakehashi kpi evidence`: a report with all that it takes to check it without us, for `kakehashi verify`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.help_view import Command, Group
from broker.cli.session import session_of

if TYPE_CHECKING:
    from broker.house import House
    from broker.metering.ledger.export import Exported

app = typer.Typer(cls=Group)


class ReportOfNow(StrEnum):
    STATUS = "status"
    INDIVIDUAL = "individual"
    RESULT = "result"


@app.command("evidence", cls=Command, help="kpi.evidence.help")
def evidence(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="BUNDLE", help="ledger.export.bundle")],
    project: Annotated[str, typer.Option("--project", help="kpi.project")],
    year: Annotated[int | None, typer.Option("--year", min=2000, max=2999, help="kpi.year")] = None,
    kind: Annotated[ReportOfNow, typer.Option("--kind", help="kpi.evidence.kind")] = ReportOfNow.STATUS,
    as_of: Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="kpi.report.as_of")] = None,
    filing: Annotated[int | None, typer.Option("--filing", min=1, max=10**6, help="kpi.evidence.filing")] = None,
    masked: Annotated[bool, typer.Option("--masked", help="kpi.evidence.masked")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """Everything that was recorded until now is taken into the ledger first."""
    session = session_of(context)

    async def work(house: House) -> Exported:
        from broker.kpi.bundling import Wanted
        from schemas.kpi.life import Filing

        last = None if as_of is None else as_of.date()
        return await house.evidence.write(Wanted(project, year, Filing(kind), last, filing, masked), file)

    with session.busy("ledger.exporting"):
        done = session.with_house(work)
    if as_json:
        from broker.metering.ledger.export import summary

        session.json(summary(done))
        return
    session.say("ledger.exported", "bold green", file=file, first=done.first, end=done.end, size=done.size)
    session.say("ledger.exported.key", fingerprint=done.fingerprint)
    if not done.witnesses:
        session.say("verify.unwitnessed", "yellow")
