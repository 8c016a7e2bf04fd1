"""`kakehashi ledger`: the record that nobody can quietly change: numbered, signed, exported, corrected, archived."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker import keys
from broker.cli.dates import read_month, read_time
from broker.cli.help_view import Command, Group
from broker.cli.inputs import read_file
from broker.cli.ledger_parties import add_to
from broker.cli.session import session_of
from schemas.errors import BadRequestData

if TYPE_CHECKING:
    from broker.house import House
    from broker.metering.ledger.archive import Archived
    from broker.metering.ledger.export import Exported

app = typer.Typer(cls=Group, no_args_is_help=True)


@app.callback()
def group() -> None:
    """The ledger."""


@app.command("sequence", cls=Command, help="ledger.sequence.help")
def sequence(context: typer.Context) -> None:
    """Until SIGTERM or Ctrl-C. Beside workers whose own sequencer is off, or as one more that can take over."""
    session = session_of(context)

    async def work(house: House) -> None:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        house.sequencer.start()
        session.say("ledger.sequencing", "bold green")
        await ended.wait()
        await house.sequencer.stop()

    session.with_house(work)


@app.command("export", cls=Command, help="ledger.export.help")
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="BUNDLE", help="ledger.export.bundle")],
    begin: Annotated[str | None, typer.Option("--from", metavar="DATE", help="ledger.export.from")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="ledger.export.to")] = None,
    since: Annotated[list[str] | None, typer.Option("--since", metavar="FILE", help="ledger.export.since")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """Everything that was recorded until now is taken into the ledger first."""
    session = session_of(context)
    first, last = read_time(begin, "--from"), read_time(end, "--to", end=True)
    earlier = [read_file(path, "--since").decode("utf-8", "replace") for path in since or ()]

    async def work(house: House) -> Exported:
        from broker.metering.ledger.export import export as write
        from broker.store.ledger import Ledger

        await house.sequencer.catch_up()
        seeds = keys.ledger_seeds(house.settings.ledger_key, house.settings.home.expanduser().resolve())
        return await write(Ledger(house.database), seeds, file, since=first, until=last, earlier=earlier)

    with session.busy("ledger.exporting"):
        done = session.with_house(work)
    if as_json:
        from broker.metering.ledger.export import summary

        session.json(summary(done))
        return
    session.say("ledger.exported", "bold green", file=file, first=done.first, end=done.end, size=done.size)
    session.say("ledger.exported.key", fingerprint=done.fingerprint)
    if not done.witnesses:
        session.say("verify.unwitnessed", "yellow")


@app.command("reconcile", cls=Command, help="ledger.reconcile.help")
def reconcile(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="ledger.reconcile.file")],
    provider: Annotated[str | None, typer.Option(help="ledger.reconcile.provider")] = None,
    consumer: Annotated[str | None, typer.Option(help="ledger.reconcile.consumer")] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="DATE", help="ledger.export.from")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="ledger.export.to")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """Status 1 if a line does not match."""
    from broker.metering.ledger.reconciliation import compare, described
    from broker.store.reconciliation import Party, Side
    from schemas.ledger.reconcile import Line, Match, read_count, totals

    session = session_of(context)
    if (provider is None) == (consumer is None):
        raise BadRequestData("one of --provider and --consumer", field="--provider")
    party = Party(Side.CONSUMER, consumer) if provider is None and consumer else Party(Side.PROVIDER, provider or "")
    theirs = read_count(read_file(file, "FILE"), "application/json" if file.endswith(".json") else "text/csv")
    since, until = read_time(begin, "--from"), read_time(end, "--to", end=True)

    async def work(house: House) -> list[Line]:
        return await compare(house.database, party, theirs, since=since, until=until)

    lines = session.with_house(work)
    if as_json:
        session.json(described(party, lines, differences=False))
    else:
        for line in lines:
            if line.match is not Match.MATCHED:
                session.out.print(" ".join(f"{name}={value}" for name, value in line.to_dict().items()), soft_wrap=True)
        count = totals(lines)["results"]
        session.say(
            "ledger.reconciled",
            matched=count["matched"],
            here=count["missing here"],
            there=count["missing there"],
            different=count["different"],
        )
    if any(line.match is not Match.MATCHED for line in lines):
        raise typer.Exit(1)


@app.command("archive", cls=Command, help="ledger.archive.help")
def archive(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="ledger.archive.folder")],
    month: Annotated[str | None, typer.Option("--month", metavar="MONTH", help="ledger.archive.month")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """The flows stay in the database, from which figures may be counted anew."""
    session = session_of(context)
    chosen = read_month(month, "--month")

    async def work(house: House) -> tuple[Path, Archived]:
        from broker.metering.ledger.archive import archive as write
        from broker.store.ledger import Ledger

        await house.sequencer.catch_up()
        seeds = keys.ledger_seeds(house.settings.ledger_key, house.settings.home.expanduser().resolve())
        return await write(Ledger(house.database), seeds, chosen, folder)

    file, done = session.with_house(work)
    if as_json:
        session.json({"file": str(file), "month": done.month, "flows": done.flows, "sha256": done.sha256})
    else:
        session.say("ledger.archived", "bold green", file=file, month=done.month, flows=done.flows)


add_to(app)
