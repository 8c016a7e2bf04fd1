"""`kakehashi catalog …`: catalogues harvested and searched on the house itself."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli import inputs
from broker.cli.catalog_view import looking, progress_of, show_dataset, show_hits, show_links, show_sources, show_status
from broker.cli.help_view import Command, Group
from broker.cli.session import Session, session_of
from schemas.catalogue import CatalogueMode
from schemas.errors import OperationNotSupported

if TYPE_CHECKING:
    from broker.house import House
    from schemas.catalogue import HarvestStatus

app = typer.Typer(cls=Group, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="json")]
SourceId = Annotated[str, typer.Argument(metavar="ID", help="catalog.arg")]
Text = str | None
_PATIENCE = 60


@app.callback()
def group() -> None:
    """The catalogue."""


@app.command("add", cls=Command, help="catalog.add.help")
def add(
    context: typer.Context,
    id: Annotated[str, typer.Option("--id", help="catalog.id")],
    kind: Annotated[str, typer.Option(help="catalog.kind")],
    endpoint: Annotated[str, typer.Option(metavar="URL", help="catalog.endpoint")],
    title: Annotated[Text, typer.Option(help="catalog.title")] = None,
    area: Annotated[Text, typer.Option(help="catalog.area")] = None,
    organisation: Annotated[Text, typer.Option(help="catalog.organisation")] = None,
    ask: Annotated[bool, typer.Option("--ask", help="catalog.ask")] = False,
    interval: Annotated[int | None, typer.Option("--interval", metavar="SECONDS", help="catalog.interval")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="catalog.option")] = None,
    api_key_header: Annotated[Text, typer.Option(metavar="NAME", help="platform.api_key_header")] = None,
    bearer: Annotated[bool, typer.Option("--bearer", help="platform.bearer")] = False,
    basic: Annotated[Text, typer.Option(metavar="USER", help="platform.basic")] = None,
    credential_file: Annotated[Text, typer.Option(metavar="FILE|-", help="platform.credential_file")] = None,
    force: Annotated[bool, typer.Option("--force", help="catalog.force")] = False,
    as_json: AsJson = False,
) -> None:
    """Asked once, then stored; a gateway that runs harvests it soon."""
    session = session_of(context)
    credential = inputs.read_credential(
        None,
        header=api_key_header,
        bearer=bearer,
        basic=basic,
        file=credential_file,
        prompt=session.words("platform.secret_prompt"),
    )
    given = {
        "id": id,
        "kind": kind,
        "endpoint": endpoint,
        "title": title,
        "area": area,
        "organisation": organisation,
        "mode": "ask" if ask else None,
        "interval_s": interval,
        "options": inputs.read_pairs(option or (), "--option"),
        "credential": credential,
    }
    document = inputs.merged({}, given)

    async def work(house: House) -> dict[str, Any]:
        return await house.catalogue.add(document, force=force)

    with session.busy("catalog.checking", source=endpoint):
        shown = session.with_house(work)
    if as_json:
        session.json(shown)
    else:
        session.say("catalog.added", "bold green", source=id, found=shown["found"])


@app.command("list", cls=Command, help="catalog.list.help")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """In order of id."""
    from broker.harvest.inputs import describe_source

    session = session_of(context)
    rows = session.with_house(lambda house: house.catalogue.sources.all())
    shown = [describe_source(*row) for row in rows]
    if as_json:
        session.json(shown)
    else:
        show_sources(session, shown)


@app.command("harvest", cls=Command, help="catalog.harvest.help")
def harvest(
    context: typer.Context,
    source: Annotated[Text, typer.Argument(metavar="ID", help="catalog.arg")] = None,
    force: Annotated[bool, typer.Option("--force", help="catalog.force_harvest")] = False,
    as_json: AsJson = False,
) -> None:
    """Status 1 if any did not come to a good end."""
    session = session_of(context)

    async def work(house: House) -> list[HarvestStatus]:
        sources = house.catalogue.sources
        chosen = [source] if source else [s.id for s, _ in await sources.all() if s.mode.value == "copy"]
        return [status for one in chosen if (status := await _harvest(session, house, one, force)) is not None]

    ended = session.with_house(work)
    if as_json:
        session.json([asdict(status) for status in ended])
    else:
        for status in ended:
            show_status(session, status)
    if any(status.state.value != "done" for status in ended):
        raise typer.Exit(1)


async def _harvest(session: Session, house: House, source: str, force: bool) -> HarvestStatus | None:
    known, _ = await house.catalogue.sources.get(source)
    if known.mode is CatalogueMode.ASK:
        raise OperationNotSupported("it is asked at the time of a search, and never copied", field="mode", value="ask")
    with progress_of(session, source) as progress:
        for attempt in range(_PATIENCE):
            status = await house.catalogue.harvester.harvest(source, progress=progress, forced=force)
            if status is not None:
                return status
            if attempt == 0:
                session.note("catalog.waiting", "yellow", source=source)
            # a process that was killed holds it until its lease ends
            await asyncio.sleep(1)
    session.note("catalog.busy", "red", source=source)
    return None


@app.command("search", cls=Command, help="catalog.search.help")
def search(
    context: typer.Context,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="catalog.words")],
    area: Annotated[Text, typer.Option(help="catalog.filter_area")] = None,
    format: Annotated[Text, typer.Option("--format", help="catalog.filter_format")] = None,
    source: Annotated[Text, typer.Option("--source", help="catalog.filter_source")] = None,
    live: Annotated[bool, typer.Option("--live", help="catalog.live")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="catalog.limit")] = 20,
    as_json: AsJson = False,
) -> None:
    """The most useful first."""
    session = session_of(context)
    values = {"area": area, "format": format and format.upper(), "source": source}

    async def work(house: House) -> Any:
        from broker.store.catalog_search import Filter
        from catalog.search.question import parse

        where = Filter(parse(words), {k: (v,) for k, v in values.items() if v}, live=True if live else None)
        return await house.catalogue.search.search(where, limit=limit, offset=0)

    show_hits(session, session.with_house(work), as_json=as_json)


@app.command("show", cls=Command, help="catalog.show.help")
def show(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="catalog.dataset")],
    as_json: AsJson = False,
) -> None:
    """By the catalogue's id, or the name or identifier that a source gives it."""
    from schemas.errors import NotFound

    session = session_of(context)
    hit = session.with_house(lambda house: house.catalogue.search.get(dataset))
    if hit is None:
        raise NotFound("there is no such dataset in the catalogue", field="DATASET", value=dataset)
    show_dataset(session, hit, as_json=as_json)


@app.command("links", cls=Command, help="catalog.links.help")
def links(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="catalog.links.limit")] = 500,
    broken: Annotated[bool, typer.Option("--broken", help="catalog.links.broken")] = False,
    as_json: AsJson = False,
) -> None:
    """What hosts that need a rest have is left for later."""
    session = session_of(context)
    if broken:
        rows, total = session.with_house(lambda house: house.catalogue.links.broken(None, limit=limit, offset=0))
        if as_json:
            session.json({"total": total, "links": [asdict(row) for row in rows]})
        else:
            show_links(session, rows, total)
        return

    async def work(house: House) -> dict[str, int]:
        checker = house.catalogue.checker
        await checker.fill()
        looked = found = 0
        with looking(session, min(limit, await checker.waiting())) as progress:
            while looked < limit:
                turn = await checker.turn(most=limit - looked, looked=progress)
                if not turn.looked:
                    break
                looked, found = looked + turn.looked, found + turn.broken
        return {"looked": looked, "broken": found, "waiting": await checker.waiting()}

    counts = session.with_house(work)
    if as_json:
        session.json(counts)
    else:
        session.say("catalog.links.looked", "green", **counts)


@app.command("remove", cls=Command, help="catalog.remove.help")
def remove(
    context: typer.Context,
    source: SourceId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="yes")] = False,
) -> None:
    """With its datasets; the log of changes tells of it."""
    session = session_of(context)
    session.confirm("catalog.remove.sure", yes=yes, source=source)
    count = session.with_house(lambda house: house.catalogue.sources.delete(source))
    session.say("catalog.removed", "green", source=source, n=count)
