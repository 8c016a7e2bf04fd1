"""`kakehashi witness`: the small process of somebody who wants to be sure that the ledger only grows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.session import Session, session_of
from broker.cli.verify import read_key

if TYPE_CHECKING:
    from broker.witness.witness import Witness

_TIMEOUT = 30.0


def witness(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="witness.url")],
    name: Annotated[str, typer.Option("--name", help="witness.name")],
    state: Annotated[Path, typer.Option("--state", metavar="DIR", help="witness.state")],
    trust: Annotated[str | None, typer.Option("--trust", metavar="KEY", help="witness.trust")] = None,
    interval: Annotated[float, typer.Option(min=0.1, max=86_400, help="witness.interval")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="witness.once")] = False,
) -> None:
    """Until Ctrl-C. What is not to be cosigned is told on standard error, and looked at again the next time."""
    from broker.witness.witness import Witness

    session = session_of(context)
    own = Witness(state, name, trust=None if trust is None else read_key(trust))
    session.say("witness.key", "bold green", witness=str(own.key.verifying))
    try:
        good = asyncio.run(_watch(session, own, url, interval, once=once))
    except KeyboardInterrupt:
        good = True
    if not good:
        raise typer.Exit(1)


async def _watch(session: Session, own: Witness, url: str, interval: float, *, once: bool) -> bool:
    import httpx2

    from broker.witness.witness import Refused

    last = ""
    async with httpx2.AsyncClient(base_url=url, timeout=_TIMEOUT, trust_env=False) as gateway:
        while True:
            try:
                seen = await own.look(gateway)
            except (Refused, httpx2.HTTPError) as error:
                cause = error.detail if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
                if cause != last:
                    session.note("witness.refused", "bold red", cause=cause)
                last, good = cause, False
            else:
                if seen.new:
                    session.say("witness.cosigned", origin=seen.origin, size=seen.size)
                last, good = "", True
            if once:
                return good
            await asyncio.sleep(interval)
