"""`kakehashi ledger`: the record that nobody can quietly change: numbered, signed, exported, corrected, archived."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker import keys
from broker.cli.dates import read_time
from broker.cli.help_view import Command, Group
from broker.cli.inputs import read_file
from broker.cli.ledger_parties import add_to
from broker.cli.session import session_of

if TYPE_CHECKING:
    from broker.app import House
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


add_to(app)
