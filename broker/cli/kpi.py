"""`kakehashi kpi show`: the programme's figures of a fiscal year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.help_view import Command, Group
from broker.cli.session import session_of

if TYPE_CHECKING:
    from broker.app import House
    from schemas.kpi import KpiReport

app = typer.Typer(cls=Group, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Figures of the programme."""


@app.command("show", cls=Command, help="kpi.show.help")
def show(
    context: typer.Context,
    year: Annotated[int | None, typer.Option(help="kpi.year")] = None,
    area: Annotated[str | None, typer.Option(help="kpi.area")] = None,
    service: Annotated[str | None, typer.Option(help="kpi.service")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """As tables, or as the JSON that `GET /kpi` gives."""
    session = session_of(context)

    async def work(house: House) -> KpiReport:
        from broker.kpi.compute import compute

        return await compute(house.database, year, area=area, service=service)

    report = session.with_house(work)
    from broker.kpi.show import tables, to_dict

    if as_json:
        session.json(to_dict(report))
    else:
        session.out.print(tables(report, session.language.value))
