"""`kakehashi platform …`: areas' platforms, registered on the house itself; a running gateway sees it by the feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli import inputs
from broker.cli.help_view import Command, Group
from broker.cli.platform_health import health
from broker.cli.platform_view import show_checks, show_platform, show_platforms
from broker.cli.session import Session, session_of
from schemas.platform import Mode

if TYPE_CHECKING:
    from broker.house import House

app = typer.Typer(cls=Group, no_args_is_help=True)

PlatformId = Annotated[str, typer.Argument(metavar="ID", help="platform.arg")]
AsJson = Annotated[bool, typer.Option("--json", help="json")]
Text = str | None
Many = list[str] | None


@app.command("add", cls=Command, help="platform.add.help")
def add(
    context: typer.Context,
    id: Annotated[Text, typer.Option("--id", help="platform.id")] = None,
    adapter: Annotated[Text, typer.Option(help="platform.adapter")] = None,
    endpoint: Annotated[Text, typer.Option(metavar="URL", help="platform.endpoint")] = None,
    area: Annotated[Text, typer.Option(help="platform.area")] = None,
    organisation: Annotated[Text, typer.Option(help="platform.organisation")] = None,
    name: Annotated[Text, typer.Option(help="platform.name")] = None,
    tenant: Annotated[Text, typer.Option(help="platform.tenant")] = None,
    service_path: Annotated[Text, typer.Option(help="platform.service_path")] = None,
    registry_tenant: Annotated[Text, typer.Option(help="platform.registry_tenant")] = None,
    type: Annotated[Many, typer.Option("--type", help="platform.type")] = None,
    entity_id: Annotated[Many, typer.Option("--entity-id", help="platform.entity_id")] = None,
    id_pattern: Annotated[Many, typer.Option("--id-pattern", help="platform.id_pattern")] = None,
    attribute: Annotated[Many, typer.Option("--attribute", help="platform.attribute")] = None,
    geometry: Annotated[Text, typer.Option(metavar="JSON|@FILE", help="platform.geometry")] = None,
    open_data: Annotated[bool, typer.Option("--open-data", help="platform.open_data")] = False,
    open_type: Annotated[Many, typer.Option("--open-type", help="platform.open_type")] = None,
    option: Annotated[Many, typer.Option("--option", metavar="KEY=VALUE", help="platform.option")] = None,
    options: Annotated[Text, typer.Option(metavar="JSON|@FILE", help="platform.options")] = None,
    ld_context: Annotated[Text, typer.Option("--context", metavar="URL", help="platform.context")] = None,
    mode: Annotated[Mode | None, typer.Option(metavar="MODE", help="platform.mode")] = None,
    timeout_ms: Annotated[int | None, typer.Option(help="platform.timeout_ms")] = None,
    max_concurrency: Annotated[int | None, typer.Option(help="platform.max_concurrency")] = None,
    operation: Annotated[list[str] | None, typer.Option(metavar="NAME", help="platform.operation")] = None,
    credential: Annotated[Text, typer.Option(metavar="JSON|@FILE", help="platform.credential")] = None,
    api_key_header: Annotated[Text, typer.Option(metavar="NAME", help="platform.api_key_header")] = None,
    bearer: Annotated[bool, typer.Option("--bearer", help="platform.bearer")] = False,
    basic: Annotated[Text, typer.Option(metavar="USER", help="platform.basic")] = None,
    credential_file: Annotated[Text, typer.Option(metavar="FILE|-", help="platform.credential_file")] = None,
    source: Annotated[Text, typer.Option("--from", metavar="DATASET|@FILE", help="platform.from")] = None,
    force: Annotated[bool, typer.Option("--force", help="platform.force")] = False,
    as_json: AsJson = False,
) -> None:
    """Probe and store; status 1 if the probe found a fault, and then nothing is stored without --force."""
    session = session_of(context)
    hit = source is not None and inputs.is_name(source)
    base = {} if source is None or hit else inputs.read_object("@" + source.removeprefix("@"), "--from")
    if source is not None and hit:
        base = session.with_house(lambda house: house.catalogue.registration(source))
    given = {
        "id": id,
        "adapter": adapter,
        "endpoint": endpoint,
        "area": area,
        "organisation": organisation,
        "name": name,
        "tenant": tenant,
        "service_path": service_path,
        "registry_tenant": registry_tenant,
        "open_data": True if open_data else open_type,
        "context": ld_context,
        "mode": mode.value if mode else None,
        "timeout_ms": timeout_ms,
        "max_concurrency": max_concurrency,
        "operations": operation,
        "credential": inputs.read_credential(
            credential,
            header=api_key_header,
            bearer=bearer,
            basic=basic,
            file=credential_file,
            prompt=session.words("platform.secret_prompt"),
        ),
        "options": inputs.merged(
            _members(base, "options"),
            {
                **({} if options is None else inputs.read_object(options, "--options")),
                **inputs.read_pairs(option or (), "--option"),
            },
        ),
        "coverage": inputs.merged(
            _members(base, "coverage"),
            {
                "types": type,
                "ids": entity_id,
                "id_patterns": id_pattern,
                "attributes": attribute,
                "geometry": None if geometry is None else inputs.read_object(geometry, "--geometry"),
            },
        ),
    }
    document = inputs.merged(base, given)

    async def work(house: House) -> dict[str, Any]:
        from broker.registry.describe import describe

        return describe(await house.enrolment.add(document, force=force))

    with session.busy("platform.probing", platform=document.get("endpoint", "")):
        shown = session.with_house(work)
    _end(session, shown, as_json, said="platform.added")


@app.command("list", cls=Command, help="platform.list.help")
def list_all(
    context: typer.Context,
    area: Annotated[Text, typer.Option(help="platform.list.area")] = None,
    as_json: AsJson = False,
) -> None:
    """In order of id."""
    session = session_of(context)

    async def work(house: House) -> list[dict[str, Any]]:
        from broker.registry.describe import describe

        return [describe(p) for p in await house.platforms.all() if area is None or p.area == area]

    rows = session.with_house(work)
    if as_json:
        session.json(rows)
    else:
        show_platforms(session, rows)


app.command("health", cls=Command, help="platform.health.help")(health)


@app.command("show", cls=Command, help="platform.show.help")
def show(context: typer.Context, platform: PlatformId, as_json: AsJson = False) -> None:
    """As stored, with what its last probe found."""
    session = session_of(context)

    async def work(house: House) -> dict[str, Any]:
        from broker.registry.describe import describe

        return describe(await house.enrolment.find(platform))

    shown = session.with_house(work)
    if as_json:
        session.json(shown)
    else:
        show_platform(session, shown)


@app.command("probe", cls=Command, help="platform.probe.help")
def probe(context: typer.Context, platform: PlatformId, as_json: AsJson = False) -> None:
    """Status 1 if there is a problem."""
    session = session_of(context)

    async def work(house: House) -> dict[str, Any]:
        from broker.registry.describe import describe

        return describe(await house.enrolment.probe(platform))

    with session.busy("platform.probing", platform=platform):
        shown = session.with_house(work)
    _end(session, shown, as_json, said="")


@app.command("certify", cls=Command, help="platform.certify.help")
def certify(context: typer.Context, platform: PlatformId, as_json: AsJson = False) -> None:
    """Status 1 if it is not certified."""
    session = session_of(context)

    async def work(house: House) -> dict[str, Any]:
        from broker.registry.certify import certify as run

        return await run(house.enrolment, platform)

    with session.busy("platform.certifying", platform=platform):
        report = session.with_house(work)
    if as_json:
        session.json(report)
    else:
        show_checks(session, report)
    if not report["certified"]:
        raise typer.Exit(1)


@app.command("remove", cls=Command, help="platform.remove.help")
def remove(
    context: typer.Context,
    platform: PlatformId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="yes")] = False,
) -> None:
    """Its flows stay in the record."""
    session = session_of(context)
    session.confirm("platform.remove.sure", yes=yes, platform=platform)

    async def work(house: House) -> None:
        await house.enrolment.remove(platform)

    session.with_house(work)
    session.say("platform.removed", "green", platform=platform)


def _end(session: Session, shown: dict[str, Any], as_json: bool, *, said: str) -> None:
    if as_json:
        session.json(shown)
    else:
        show_platform(session, shown)
    found = shown["probe"]
    if found is not None and found["problem"]:
        if said:
            session.note("platform.kept_unverified", "yellow", platform=shown["id"])
        else:
            raise typer.Exit(1)
    elif said and not as_json:
        session.say(said, "bold green", platform=shown["id"])


def _members(base: dict[str, Any], name: str) -> dict[str, Any]:
    """An object in the document of --from; what is none is left for the registry to name."""
    found = base.get(name)
    return found if isinstance(found, dict) else {}
