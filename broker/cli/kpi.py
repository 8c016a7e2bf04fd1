"""`kakehashi kpi …`: the programme's figures of a fiscal year, and the roll-ups that they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.help_view import Command, Group
from broker.cli.session import session_of

if TYPE_CHECKING:
    from broker.house import House
    from schemas.kpi.figures import KpiReport

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


@app.command("rollup", cls=Command, help="kpi.rollup.help")
def rollup(
    context: typer.Context,
    anew: Annotated[bool, typer.Option("--anew", help="kpi.rollup.anew")] = False,
    check: Annotated[bool, typer.Option("--check", help="kpi.rollup.check")] = False,
) -> None:
    """Status 1 if --check finds a difference."""
    session = session_of(context)

    async def work(house: House) -> tuple[int, list[str]]:
        from broker.store.usage_rollup import differences, roll_up

        done = await roll_up(house.database, anew=anew)
        return done.added, await differences(house.database) if check else []

    added, wrong = session.with_house(work)
    session.say("kpi.rollup.added", flows=f"{added:,}")
    if wrong:
        session.note("kpi.rollup.wrong", "red", places=", ".join(wrong[:20]), n=len(wrong))
        raise typer.Exit(1)
    if check:
        session.say("kpi.rollup.equal", "green")
