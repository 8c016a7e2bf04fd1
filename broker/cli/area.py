"""`kakehashi area export|apply`: 横展開, what one area has set up carried to another."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from broker.cli.help_view import Command, Group
from broker.cli.kpi_files import read_json, write_out
from broker.cli.session import session_of
from schemas.errors import BadRequestData
from schemas.kpi.life import Side

if TYPE_CHECKING:
    from broker.house import House
    from broker.kpi.rollout import Applied, Rollout

app = typer.Typer(cls=Group, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Areas."""


@app.command("export", cls=Command, help="area.export.help")
def export(
    context: typer.Context,
    area: Annotated[str, typer.Argument(metavar="AREA", help="area.arg")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="kpi.report.out")] = None,
) -> None:
    """Without addresses, credentials and anything that was found by probing."""
    session = session_of(context)
    document: dict[str, Any] = session.with_house(lambda house: _rollout(house).export(area))
    made = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_out(session, made, out)


@app.command("apply", cls=Command, help="area.apply.help")
def apply(
    context: typer.Context,
    file: Annotated[str, typer.Option("--from", metavar="FILE", help="area.from")],
    area: Annotated[str, typer.Option("--as", metavar="AREA", help="area.as")],
    project: Annotated[str | None, typer.Option("--project", help="area.project")] = None,
    endpoint: Annotated[list[str] | None, typer.Option("--endpoint", metavar="ID=URL", help="area.endpoint")] = None,
    actor: Annotated[str, typer.Option("--actor", help="project.actor")] = "administration",
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """Everything is read before anything is set up; the roll-out is an event of the ledger."""
    session = session_of(context)
    document = read_json(file)
    endpoints = dict(_pair(text) for text in endpoint or ())

    async def work(house: House) -> Applied:
        from broker.identity.callers import Caller
        from broker.store.projects import Change
        from schemas.flow import Consumer
        from schemas.ngsi_ld.context import CORE

        caller = Caller(Consumer("administration"), admin=True)
        return await _rollout(house).apply(
            document, area, caller, CORE.expand, Change(actor, Side.SECRETARIAT), project=project, endpoints=endpoints
        )

    done = session.with_house(work)
    if as_json:
        session.json(asdict(done))
        return
    session.say(
        "area.applied", "green", area=area, platforms=len(done.platforms), agreements=len(done.agreements),
        kpis=len(done.kpis),
    )  # fmt: skip
    for platform in done.platforms:
        session.say("area.platform", platform=platform)
    if done.skipped:
        session.note("area.skipped", "yellow", kpis=", ".join(done.skipped))


def _rollout(house: House) -> Rollout:
    from broker.kpi.rollout import Rollout

    return Rollout(house.database, house.enrolment, house.desk, house.programme.projects)


def _pair(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not (name and equals and url):
        raise BadRequestData("An address is given as ID=URL.", field="--endpoint", value=text)
    return name, url
