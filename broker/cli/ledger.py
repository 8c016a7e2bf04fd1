"""`kakehashi ledger`: the record that nobody can quietly change: numbered, signed, exported, corrected, archived."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import typer

from broker.cli.help_view import Command, Group
from broker.cli.session import session_of

if TYPE_CHECKING:
    from broker.app import House

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
