"""`kakehashi service …`: who may ask. A key is printed once, when it is made; of it only a hash is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from broker.cli.help_view import Command, Group
from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of
from broker.demo.home import home_of
from broker.settings import load

if TYPE_CHECKING:
    from broker.app import House
    from broker.store.services import Service

app = typer.Typer(cls=Group, no_args_is_help=True)

ServiceId = Annotated[str, typer.Argument(metavar="ID", help="service.arg")]
AsJson = Annotated[bool, typer.Option("--json", help="json")]


@app.command("add", cls=Command, help="service.add.help")
def add(
    context: typer.Context,
    id: Annotated[str, typer.Option("--id", help="service.id")],
    name: Annotated[str, typer.Option(help="service.name")] = "",
    organisation: Annotated[str | None, typer.Option(help="service.organisation")] = None,
    project: Annotated[str | None, typer.Option(help="service.project")] = None,
    area: Annotated[str | None, typer.Option(help="service.area")] = None,
    batch: Annotated[bool, typer.Option("--batch", help="service.batch")] = False,
    as_json: AsJson = False,
) -> None:
    """Prints the key, once."""
    session = session_of(context)

    async def work(house: House) -> tuple[Service, str]:
        from broker.store.services import Kind, Service

        kind = Kind.BATCH if batch else Kind.INTERACTIVE
        return await house.services.create(Service(id, name, organisation, project, area, kind))

    service, key = session.with_house(work)
    if as_json:
        session.json({**_shown(service), "key": key})
        return
    session.say("service.added", "bold green", service=service.id)
    _show_key(session, key)


@app.command("list", cls=Command, help="service.list.help")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """In order of id."""
    session = session_of(context)
    services = session.with_house(lambda house: house.services.all())
    if as_json:
        session.json([_shown(s) for s in services])
    elif not services:
        session.say("service.none", "dim")
    else:
        session.out.print(_table(session, services))


@app.command("show", cls=Command, help="service.show.help")
def show(context: typer.Context, service: ServiceId, as_json: AsJson = False) -> None:
    """Never with its key."""
    session = session_of(context)
    found = session.with_house(lambda house: house.services.get(service))
    if as_json:
        session.json(_shown(found))
    else:
        session.out.print(_table(session, [found]))


@app.command("disable", cls=Command, help="service.disable.help")
def disable(context: typer.Context, service: ServiceId) -> None:
    """Its key is refused within a second."""
    _switch(session_of(context), service, disabled=True)


@app.command("enable", cls=Command, help="service.enable.help")
def enable(context: typer.Context, service: ServiceId) -> None:
    """Its key is taken again."""
    _switch(session_of(context), service, disabled=False)


@app.command("rotate", cls=Command, help="service.rotate.help")
def rotate(context: typer.Context, service: ServiceId, as_json: AsJson = False) -> None:
    """Prints the new key, once; the old one is worth nothing from then on."""
    session = session_of(context)
    key = session.with_house(lambda house: house.services.renew_key(service))
    if as_json:
        session.json({"id": service, "key": key})
        return
    session.say("service.rotated", "bold green", service=service)
    _show_key(session, key)


@app.command("remove", cls=Command, help="service.remove.help")
def remove(
    context: typer.Context,
    service: ServiceId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="yes")] = False,
) -> None:
    """Its flows stay in the record."""
    session = session_of(context)
    session.confirm("service.remove.sure", yes=yes, service=service)
    session.with_house(lambda house: house.services.delete(service))
    session.say("service.removed", "green", service=service)


def admin_key(
    context: typer.Context,
    show_key: Annotated[bool, typer.Option("--show", help="admin-key.show")] = False,
) -> None:
    """Where the administration's key is; it is made if there is none."""
    from broker import keys

    session = session_of(context)
    settings = load()
    home = home_of(settings)
    key = keys.admin_key(settings.admin_key, home)
    if show_key:
        session.out.print(Text(key), soft_wrap=True)
    elif settings.admin_key:
        session.say("admin-key.set")
    else:
        session.out.print(Text(str(home / "admin.key")), soft_wrap=True)


def _switch(session: Session, service: str, *, disabled: bool) -> None:
    async def work(house: House) -> None:
        await house.services.update(replace(await house.services.get(service), disabled=disabled))

    session.with_house(work)
    session.say("service.disabled" if disabled else "service.enabled", "green", service=service)


def _show_key(session: Session, key: str) -> None:
    session.note("service.key_once", "yellow")
    session.out.print(Text(key), soft_wrap=True)


def _shown(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "organisation": service.organisation,
        "project": service.project,
        "area": service.area,
        "kind": service.kind.value,
        "disabled": service.disabled,
        "created_at": None if service.created_at is None else service.created_at.isoformat(),
    }


def _table(session: Session, services: list[Service]) -> Table:
    words = session.words
    table = Table(title=words("service.title"))
    for column in ("id", "name", "organisation", "project", "area", "kind", "state"):
        table.add_column(words(f"service.col.{column}"), overflow="fold")
    for s in services:
        off = Text(words("service.state.off"), style="red")
        on = Text(words("service.state.on"), style="green")
        plain = (s.id, s.name, s.organisation, s.project, s.area, words(f"service.kind.{s.kind.value}"))
        table.add_row(*map(cell, plain), off if s.disabled else on)
    return table
