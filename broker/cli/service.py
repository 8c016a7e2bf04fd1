"""`kakehashi service …`: who may ask. A key is printed once, when it is made; of it only a hash is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from broker.cli.help_view import Command, Group
from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of
from broker.demo.home import home_of
from broker.settings import load
from schemas.roles import Role

if TYPE_CHECKING:
    from broker.house import House
    from broker.store.services import Key, Service

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
    role: Annotated[list[Role] | None, typer.Option("--role", metavar="ROLE", help="service.role")] = None,
    as_json: AsJson = False,
) -> None:
    """Prints the key, once."""
    session = session_of(context)

    async def work(house: House) -> tuple[Service, str]:
        from broker.store.services import Kind, Service

        kind = Kind.BATCH if batch else Kind.INTERACTIVE
        roles = frozenset(role or [Role.SERVICE])
        return await house.services.create(Service(id, name, organisation, project, area, kind, roles=roles))

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
    services, keys = session.with_house(_with_keys)
    if as_json:
        session.json([_shown(s) | {"keys": _keys(keys.get(s.id, []))} for s in services])
    elif not services:
        session.say("service.none", "dim")
    else:
        session.out.print(_table(session, services, keys))


@app.command("show", cls=Command, help="service.show.help")
def show(context: typer.Context, service: ServiceId, as_json: AsJson = False) -> None:
    """Never with its key."""
    session = session_of(context)

    async def work(house: House) -> tuple[Service, dict[str, list[Key]]]:
        return await house.services.get(service), await house.services.keys()

    found, keys = session.with_house(work)
    if as_json:
        session.json(_shown(found) | {"keys": _keys(keys.get(found.id, []))})
    else:
        session.out.print(_table(session, [found], keys))


@app.command("disable", cls=Command, help="service.disable.help")
def disable(context: typer.Context, service: ServiceId) -> None:
    """Its key is refused within a second."""
    _switch(session_of(context), service, disabled=True)


@app.command("enable", cls=Command, help="service.enable.help")
def enable(context: typer.Context, service: ServiceId) -> None:
    """Its key is taken again."""
    _switch(session_of(context), service, disabled=False)


@app.command("rotate", cls=Command, help="service.rotate.help")
def rotate(
    context: typer.Context,
    service: ServiceId,
    keep: Annotated[float, typer.Option("--keep", metavar="HOURS", min=0, max=8760, help="service.keep")] = 0,
    as_json: AsJson = False,
) -> None:
    """Prints the new key, once; the old one is worth nothing from then on, or after the hours to keep it."""
    session = session_of(context)
    key = session.with_house(lambda house: house.services.renew_key(service, keep=timedelta(hours=keep)))
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


async def _with_keys(house: House) -> tuple[list[Service], dict[str, list[Key]]]:
    return await house.services.all(), await house.services.keys()


def _keys(keys: list[Key]) -> list[dict[str, Any]]:
    """Of the keys that hold: since when, until when, and when last used."""
    return [
        {
            "created_at": key.created_at.isoformat(),
            "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
            "last_used": None if key.last_used is None else key.last_used.isoformat(timespec="seconds"),
        }
        for key in keys
    ]


def _shown(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "organisation": service.organisation,
        "project": service.project,
        "area": service.area,
        "kind": service.kind.value,
        "disabled": service.disabled,
        "roles": sorted(service.roles),
        "created_at": None if service.created_at is None else service.created_at.isoformat(),
    }


def _table(session: Session, services: list[Service], keys: dict[str, list[Key]]) -> Table:
    words = session.words
    table = Table(title=words("service.title"))
    for column in ("id", "name", "organisation", "project", "area", "kind", "roles", "used", "state"):
        table.add_column(words(f"service.col.{column}"), overflow="fold")
    for s in services:
        off = Text(words("service.state.off"), style="red")
        on = Text(words("service.state.on"), style="green")
        used = "\n".join(_used(session, key) for key in keys.get(s.id, ())) or None
        kind = words(f"service.kind.{s.kind.value}")
        plain = (s.id, s.name, s.organisation, s.project, s.area, kind, ", ".join(sorted(s.roles)), used)
        table.add_row(*map(cell, plain), off if s.disabled else on)
    return table


def _used(session: Session, key: Key) -> str:
    """When a key was last used, and until when it holds if another has taken its place."""
    words = session.words
    last = words("service.key.unused") if key.last_used is None else f"{key.last_used:%Y-%m-%d %H:%M}Z"
    if key.expires_at is None:
        return last
    return words("service.key.old", last=last, end=f"{key.expires_at:%Y-%m-%d %H:%M}Z")
