"""`kakehashi agreement …`: agreements on the use of data, on the house itself; running workers see it by the feed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from broker.cli import inputs
from broker.cli.help_view import Command, Group
from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of
from schemas.agreement import Action, Agreement, Operation, Party, State

if TYPE_CHECKING:
    from broker.house import House

app = typer.Typer(cls=Group, no_args_is_help=True)

AgreementId = Annotated[str, typer.Argument(metavar="ID", help="agreement.arg")]
AsJson = Annotated[bool, typer.Option("--json", help="json")]
As = Annotated[Party | None, typer.Option("--as", metavar="PARTY", help="agreement.as")]
Reason = Annotated[str, typer.Option("--reason", help="agreement.reason")]
Sign = Annotated[str | None, typer.Option("--sign", metavar="FILE", help="agreement.sign")]
Text = str | None
Many = list[str] | None


@app.command("propose", cls=Command, help="agreement.propose.help")
def propose(
    context: typer.Context,
    source: Annotated[Text, typer.Option("--from", metavar="@FILE", help="agreement.from")] = None,
    area: Annotated[Text, typer.Option(help="agreement.area")] = None,
    platform: Annotated[Many, typer.Option("--platform", help="agreement.platform")] = None,
    type: Annotated[Many, typer.Option("--type", help="agreement.type")] = None,
    attribute: Annotated[Many, typer.Option("--attribute", help="agreement.attribute")] = None,
    geometry: Annotated[Text, typer.Option(metavar="JSON|@FILE", help="agreement.geometry")] = None,
    organisation: Annotated[Text, typer.Option(help="agreement.organisation")] = None,
    project: Annotated[Text, typer.Option(help="agreement.project")] = None,
    service: Annotated[Many, typer.Option("--service", help="agreement.service")] = None,
    purpose: Annotated[Text, typer.Option(help="agreement.purpose")] = None,
    operation: Annotated[
        list[Operation] | None, typer.Option("--operation", metavar="OPERATION", help="agreement.operation")
    ] = None,
    valid_from: Annotated[Text, typer.Option(metavar="TIME", help="agreement.valid_from")] = None,
    valid_to: Annotated[Text, typer.Option(metavar="TIME", help="agreement.valid_to")] = None,
    quota: Annotated[Many, typer.Option("--quota", metavar="KEY=VALUE", help="agreement.quota")] = None,
    amend: Annotated[Text, typer.Option("--amend", metavar="ID", help="agreement.amend")] = None,
    party: As = None,
    sign: Sign = None,
    as_json: AsJson = False,
) -> None:
    """Prints the id of the agreement; with --amend the terms that are given change those of its newest version."""
    session = session_of(context)
    base = {} if source is None else inputs.read_object("@" + source.removeprefix("@"), "--from")
    given = {
        "provider_area": area,
        "platforms": platform,
        "types": type,
        "attributes": attribute,
        "geometry": None if geometry is None else inputs.read_object(geometry, "--geometry"),
        "consumer_organisation": organisation,
        "consumer_project": project,
        "services": service,
        "purpose": purpose,
        "operations": None if operation is None else [o.value for o in operation],
        "valid_from": valid_from,
        "valid_to": valid_to,
        "quota": inputs.read_pairs(quota, "--quota") if quota else None,
    }
    document = inputs.merged(base, given)
    key = _key(sign)

    async def work(house: House) -> Agreement:
        from schemas.ngsi_ld.context import CORE

        caller = _administration()
        if amend is not None:
            return await house.desk.amend(caller, amend, document, CORE.expand, party=party, sign=key)
        return await house.desk.propose(caller, document, CORE.expand, party=party, sign=key)

    _end(session, work, as_json)


@app.command("list", cls=Command, help="agreement.list.help")
def list_all(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(metavar="STATE", help="agreement.list.state")] = None,
    area: Annotated[Text, typer.Option(help="agreement.list.area")] = None,
    as_json: AsJson = False,
) -> None:
    """Oldest first."""
    session = session_of(context)
    now = datetime.now(UTC)

    async def work(house: House) -> list[Agreement]:
        return [
            a
            for a in await house.desk.all(_administration())
            if (state is None or a.state(now) is state) and (area is None or a.latest.terms.provider_area == area)
        ]

    found = session.with_house(work)
    if as_json:
        session.json([_shown(a) for a in found])
    elif not found:
        session.say("agreement.none", "dim")
    else:
        session.out.print(_table(session, found))


@app.command("show", cls=Command, help="agreement.show.help")
def show(
    context: typer.Context,
    agreement: AgreementId,
    odrl: Annotated[bool, typer.Option("--odrl", help="agreement.odrl")] = False,
    as_json: AsJson = False,
) -> None:
    """JSON: terms, versions and steps; --json makes no difference."""
    from schemas.odrl import to_odrl

    session = session_of(context)
    found = session.with_house(lambda house: house.desk.get(_administration(), agreement))
    session.json(to_odrl(found, datetime.now(UTC)) if odrl else _shown(found))


@app.command("approve", cls=Command, help="agreement.approve.help")
def approve(
    context: typer.Context,
    agreement: AgreementId,
    party: As = None,
    reason: Reason = "",
    sign: Sign = None,
    as_json: AsJson = False,
) -> None:
    """By the administration, for the provider and then for the secretariat where both have to."""
    _step(context, agreement, Action.APPROVE, party, reason, as_json, sign)


@app.command("reject", cls=Command, help="agreement.reject.help")
def reject(
    context: typer.Context, agreement: AgreementId, party: As = None, reason: Reason = "", as_json: AsJson = False
) -> None:
    """What is in force stays so."""
    _step(context, agreement, Action.REJECT, party, reason, as_json)


@app.command("suspend", cls=Command, help="agreement.suspend.help")
def suspend(
    context: typer.Context, agreement: AgreementId, party: As = None, reason: Reason = "", as_json: AsJson = False
) -> None:
    """Nothing flows until it is resumed."""
    _step(context, agreement, Action.SUSPEND, party, reason, as_json)


@app.command("resume", cls=Command, help="agreement.resume.help")
def resume(
    context: typer.Context, agreement: AgreementId, party: As = None, reason: Reason = "", as_json: AsJson = False
) -> None:
    """Lifts a suspension."""
    _step(context, agreement, Action.RESUME, party, reason, as_json)


@app.command("revoke", cls=Command, help="agreement.revoke.help")
def revoke(
    context: typer.Context, agreement: AgreementId, party: As = None, reason: Reason = "", as_json: AsJson = False
) -> None:
    """For good."""
    _step(context, agreement, Action.REVOKE, party, reason, as_json)


def _step(
    context: typer.Context,
    agreement: str,
    action: Action,
    party: Party | None,
    reason: str,
    as_json: bool,
    sign: str | None = None,
) -> None:
    key = _key(sign)

    async def work(house: House) -> Agreement:
        caller = _administration()
        return await house.desk.step(caller, agreement, action, party=party, reason=reason, sign=key)

    _end(session_of(context), work, as_json)


def _end(session: Session, work: Callable[[House], Awaitable[Agreement]], as_json: bool) -> None:
    made = session.with_house(work)
    if as_json:
        session.json(_shown(made))
        return
    state = session.words(f"agreement.state.{made.state(datetime.now(UTC)).value}")
    session.say("agreement.done", "bold green", agreement=made.id, state=state)


def _administration() -> Any:
    from broker.identity.callers import Caller
    from schemas.flow import Consumer

    return Caller(Consumer("administration"), admin=True)


def _key(file: str | None) -> str | None:
    return None if file is None else inputs.read_file(file, "--sign").decode("utf-8", "replace")


def _shown(agreement: Agreement) -> dict[str, Any]:
    from broker.identity.agreements.show import show as shown

    return shown(agreement, datetime.now(UTC))


def _table(session: Session, agreements: list[Agreement]) -> Table:
    words = session.words
    table = Table(title=words("agreement.title"))
    for column in ("id", "state", "version", "area", "organisation", "what", "until"):
        table.add_column(words(f"agreement.col.{column}"), overflow="fold")
    for one in agreements:
        version = one.approved or one.latest
        terms = version.terms
        what = ", ".join(sorted(name.rpartition("/")[2] for name in terms.types)) or words("agreement.all")
        state = words(f"agreement.state.{one.state(datetime.now(UTC)).value}")
        until = terms.valid_to.isoformat(timespec="minutes")
        plain = (one.id, state, str(version.number), terms.provider_area, terms.consumer_organisation, what, until)
        table.add_row(*map(cell, plain))
    return table
