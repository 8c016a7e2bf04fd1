"""`kakehashi project …`: the projects of the programme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from broker.cli.help_view import Command, Group
from broker.cli.kpi_files import read_json
from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of

if TYPE_CHECKING:
    from broker.house import House
    from broker.store.projects import ProjectVersion

app = typer.Typer(cls=Group, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="json")]
Actor = Annotated[str, typer.Option(help="project.actor")]


@app.callback()
def group() -> None:
    """Projects."""


@app.command("set", cls=Command, help="project.set.help")
def put(
    context: typer.Context,
    file: Annotated[str, typer.Option("--from", metavar="FILE", help="project.from")],
    reason: Annotated[str, typer.Option(help="project.reason")] = "",
    actor: Actor = "administration",
) -> None:
    """A new version of a project; the first registers it."""
    from schemas.kpi.project import read_project

    session = session_of(context)
    project = read_project(read_json(file))

    async def work(house: House) -> ProjectVersion:
        from broker.store.projects import Change
        from schemas.kpi.life import Side

        return await house.programme.projects.put(project, Change(actor, Side.SECRETARIAT, reason))

    made = session.with_house(work)
    session.say("project.kept", "bold green", project=made.project.id, version=made.version)


@app.command("list", cls=Command, help="project.list.help")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """In order of id."""
    session = session_of(context)
    _show(session, session.with_house(lambda house: house.programme.projects.all()), as_json=as_json)


@app.command("show", cls=Command, help="project.show.help")
def show(
    context: typer.Context,
    project: Annotated[str, typer.Argument(metavar="ID", help="project.arg")],
    as_json: AsJson = False,
) -> None:
    """Its newest version."""
    session = session_of(context)
    found = session.with_house(lambda house: house.programme.projects.get(project))
    if as_json:
        session.json(_described(found))
    else:
        _show(session, [found], as_json=False)


def _show(session: Session, found: list[ProjectVersion], *, as_json: bool) -> None:
    words = session.words
    if as_json:
        session.json([_described(one) for one in found])
        return
    if not found:
        session.say("project.none", "dim")
        return
    table = Table(title=words("project.title"))
    for column in ("id", "name", "kind", "areas", "organisations", "year", "version"):
        table.add_column(words(f"project.col.{column}"), overflow="fold")
    for one in found:
        p = one.project
        name = p.name_en if session.language.value == "en" and p.name_en else p.name_ja
        kind = words(f"project.kind.{p.kind.value}")
        row = (p.id, name, kind, ", ".join(p.areas), ", ".join(p.organisations), str(p.first_year), str(one.version))
        table.add_row(*map(cell, row))
    session.out.print(table)


def _described(one: ProjectVersion) -> dict[str, Any]:
    from broker.kpi.describe import described_project

    return described_project(one)
