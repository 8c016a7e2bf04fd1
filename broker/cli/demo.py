"""`kakehashi demo`: three areas, one question."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.session import session_of
from schemas.errors import KakehashiError


def demo(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="demo.once")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="demo.json")] = False,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="demo.data")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="demo.port")] = None,
) -> None:
    """Start, tour, and keep running until Ctrl-C; with --once end after the tour."""
    from broker.demo.report import FAILED
    from broker.demo.run import run
    from broker.demo.show import Screen

    session = session_of(context)
    screen = Screen(session.out, session.err, session.language, quiet=as_json)
    try:
        report = asyncio.run(run(screen, data=data, port=port, stay=not (once or as_json)))
    except KakehashiError:
        if as_json:
            session.json(FAILED)
        raise
    if report is None:
        raise typer.Exit(130)
    if as_json:
        session.json(report.document())
    if not report.ok:
        raise typer.Exit(1)
