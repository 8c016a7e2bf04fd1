"""`kakehashi kpi define|propose|agree|withdraw|versions|enter|close|evaluate`: a KPI's way to its final result."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from broker.cli.help_view import Command, Group
from broker.cli.kpi_files import read_json
from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of
from schemas.errors import BadRequestData
from schemas.kpi.life import Filing, Side

if TYPE_CHECKING:
    from broker.house import House
    from broker.store.kpi_filings import Filed
    from broker.store.projects import Change, KpiVersion
    from schemas.kpi.definition import KpiDefinition

Project = Annotated[str, typer.Option("--project", help="kpi.project")]
Kpi = Annotated[str, typer.Option("--kpi", help="kpi.kpi")]
Version = Annotated[int, typer.Option("--version", min=1, max=10**6, help="kpi.version")]
Year = Annotated[int, typer.Option("--year", min=2000, max=2999, help="kpi.fiscal_year")]
From = Annotated[str, typer.Option("--from", metavar="FILE", help="kpi.from")]
SideOption = Annotated[Side, typer.Option("--side", help="kpi.side")]
Reason = Annotated[str, typer.Option("--reason", help="project.reason")]
Actor = Annotated[str, typer.Option("--actor", help="project.actor")]
Supersedes = Annotated[int | None, typer.Option("--supersedes", min=1, max=10**6, help="kpi.supersedes")]
app = typer.Typer(cls=Group)

AsJson = Annotated[bool, typer.Option("--json", help="json")]


@app.command("define", cls=Command, help="kpi.define.help")
def define(
    context: typer.Context,
    library: Annotated[str | None, typer.Option("--library", help="kpi.define.library")] = None,
    file: Annotated[str | None, typer.Option("--from", metavar="FILE", help="kpi.define.from")] = None,
) -> None:
    """Without options: the ids and names of the library."""
    from schemas.kpi.definition import digest
    from schemas.kpi.library import LIBRARY
    from schemas.kpi.reading import dump

    session = session_of(context)
    if file is None and library is None:
        table = Table(title=session.words("kpi.library.title"))
        for column in ("id", "name", "unit", "text"):
            table.add_column(session.words(f"kpi.col.{column}"), overflow="fold")
        for one in LIBRARY:
            japanese = session.language.value == "ja"
            name, unit, text = (
                (one.name_ja, one.unit_ja, one.text_ja) if japanese else (one.name_en, one.unit_en, one.text_en)
            )
            table.add_row(*map(cell, (one.id, name, unit, text)))
        session.out.print(table)
        return
    definition = _definition({"library": library} if file is None else read_json(file))
    session.json({"digest": digest(definition), "definition": dump(definition)})


@app.command("propose", cls=Command, help="kpi.propose.help")
def propose(
    context: typer.Context,
    project: Project,
    file: From,
    side: SideOption = Side.SECRETARIAT,
    reason: Reason = "",
    actor: Actor = "administration",
) -> None:
    """A new version; the proposing side agrees to it."""
    definition = _definition(read_json(file))

    async def work(house: House) -> KpiVersion:
        return await house.programme.projects.propose(project, definition, _change(actor, side, reason))

    session = session_of(context)
    _said(session, session.with_house(work))


@app.command("agree", cls=Command, help="kpi.agree.help")
def agree(
    context: typer.Context,
    project: Project,
    kpi: Kpi,
    version: Version,
    side: SideOption = Side.SECRETARIAT,
    actor: Actor = "administration",
) -> None:
    """With both sides it is agreed, for good."""

    async def work(house: House) -> KpiVersion:
        return await house.programme.projects.agree(project, kpi, version, _change(actor, side, ""))

    session = session_of(context)
    _said(session, session.with_house(work))


@app.command("withdraw", cls=Command, help="kpi.withdraw.help")
def withdraw(
    context: typer.Context,
    project: Project,
    kpi: Kpi,
    version: Version,
    side: SideOption = Side.SECRETARIAT,
    reason: Reason = "",
    actor: Actor = "administration",
) -> None:
    """Only what is not agreed yet."""

    async def work(house: House) -> KpiVersion:
        return await house.programme.projects.withdraw(project, kpi, version, _change(actor, side, reason))

    session = session_of(context)
    _said(session, session.with_house(work))


@app.command("versions", cls=Command, help="kpi.versions.help")
def versions(context: typer.Context, project: Project, as_json: AsJson = False) -> None:
    """Who proposed what, when and why, and who agreed."""
    from broker.kpi.describe import described_version

    session = session_of(context)
    found = session.with_house(lambda house: house.programme.projects.versions(project))
    if as_json:
        session.json([described_version(one) for one in found])
        return
    table = Table(title=session.words("kpi.versions.title", project=project))
    for column in ("id", "version", "state", "name", "targets", "by", "reason", "agreed"):
        table.add_column(session.words(f"kpi.col.{column}"), overflow="fold")
    for one in found:
        k = one.definition
        agreed = ", ".join(f"{session.words('kpi.side.' + side)}: {who['actor']}" for side, who in one.agreed.items())
        targets = " / ".join(str(target.year) for target in k.targets)
        state = session.words(f"kpi.state.{one.state.value}")
        by = f"{one.actor} ({one.at:%Y-%m-%d})"
        table.add_row(*map(cell, (k.id, str(one.version), state, k.name_ja, targets, by, one.reason, agreed)))
    session.out.print(table)


@app.command("enter", cls=Command, help="kpi.enter.help")
def enter(
    context: typer.Context,
    project: Project,
    kpi: Kpi,
    period: Annotated[str, typer.Option("--period", help="kpi.enter.period")],
    value: Annotated[str | None, typer.Option("--value", help="kpi.enter.value")] = None,
    evidence: Annotated[str, typer.Option("--evidence", help="kpi.enter.evidence")] = "",
    unmet_reason: Annotated[str, typer.Option("--unmet-reason", help="kpi.enter.unmet")] = "",
    improvement: Annotated[str, typer.Option("--improvement", help="kpi.enter.improvement")] = "",
    remark: Annotated[str, typer.Option("--remark", help="kpi.enter.remark")] = "",
    actor: Actor = "administration",
) -> None:
    """Later entries for a period go before earlier ones."""
    from schemas.kpi.entry import read_entry

    texts = {"evidence": evidence, "unmet_reason": unmet_reason, "improvement": improvement, "remark": remark}
    entry = read_entry({"value": None if value is None else _decimal(value), **texts})
    session = session_of(context)
    session.with_house(lambda house: house.programme.enter(project, kpi, period, entry, actor))
    session.say("kpi.entered", "green", kpi=kpi, period=period)


@app.command("close", cls=Command, help="kpi.close.help")
def close(
    context: typer.Context,
    project: Project,
    year: Year,
    supersedes: Supersedes = None,
    actor: Actor = "administration",
) -> None:
    """After 31 March."""
    session = session_of(context)
    filed = session.with_house(lambda house: house.programme.close(project, year, actor, supersedes=supersedes))
    filed_said(session, filed)


@app.command("evaluate", cls=Command, help="kpi.evaluate.help")
def evaluate(context: typer.Context, project: Project, year: Year, file: From, actor: Actor = "administration") -> None:
    """Prints every value on the way to the payment."""
    session = session_of(context)
    given = read_json(file)
    filed = session.with_house(lambda house: house.programme.evaluate(project, year, given, actor))
    import orjson

    session.json(orjson.loads(filed.body))


def filed_said(session: Session, filed: Filed) -> None:
    kind = session.words(f"kpi.filing.{Filing(filed.kind).value}")
    session.say("kpi.filed", "green", kind=kind, number=filed.number, digest=filed.digest)


def _definition(document: Any) -> KpiDefinition:
    from schemas.kpi.definition import read_definition
    from schemas.kpi.library import completed

    if not isinstance(document, dict):
        raise BadRequestData("a KPI is a JSON object", field="--from")
    return read_definition(completed(document))


def _change(actor: str, side: Side, reason: str) -> Change:
    from broker.store.projects import Change

    return Change(actor, side, reason)


def _said(session: Session, one: KpiVersion) -> None:
    state = session.words(f"kpi.state.{one.state.value}")
    sides = ", ".join(session.words(f"kpi.side.{side}") for side in one.agreed)
    session.say("kpi.said", "green", kpi=one.definition.id, version=one.version, state=state, sides=sides)
    session.note("kpi.digest", "dim", digest=one.digest)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise BadRequestData("This is no number.", field="--value", value=text) from None
