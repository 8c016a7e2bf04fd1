"""`--help` in the session's language. Typer's own would cut Japanese off where a column ends: it wraps at spaces."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from broker.cli.session import Session, session_of

_METAVARS: dict[Any, str] = {int: "N", Path: "PATH"}


class Command(TyperCommand):
    """A command whose help and whose options' helps are keys of our texts."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        show_help(self, ctx)


class Group(TyperGroup):
    """Commands of one subject, likewise."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        show_help(self, ctx)


def show_help(command: Any, context: typer.Context) -> None:
    """Usage, what it is for, arguments, options, commands."""
    session = session_of(context)
    words = session.words
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    session.out.print(Text.assemble((words("help.usage"), "bold yellow"), " " + usage), end="\n\n")
    session.out.print(Text(words(command.help)), end="\n\n")
    params = command.get_params(context)
    _section(session, "help.arguments", [_row(session, p) for p in params if p.param_type_name == "argument"])
    _section(session, "help.options", [_row(session, p) for p in params if p.param_type_name == "option"])
    children = getattr(command, "commands", {})
    _section(session, "help.commands", [(name, words(child.help)) for name, child in children.items()])


def _section(session: Session, title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    session.out.print(Text(session.words(title), style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(width=min(36, 2 + max(len(name) for name, _ in rows)), overflow="fold")
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text("  " + name, style="cyan", overflow="fold"), Text(text, overflow="fold"))
    session.out.print(table)
    session.out.print()


def _row(session: Session, param: Any) -> tuple[str, str]:
    """How the parameter is written, and what it is."""
    words = session.words
    metavar = param.metavar or _metavar(param.type_descriptor.annotation)
    if param.param_type_name == "argument":
        return metavar, words(param.help)
    names = ", ".join([*param.opts, *param.secondary_opts])
    text = words("help.help") if "--help" in param.opts else words(param.help)
    if param.required:
        text += words("help.required")
    elif param.default not in (None, False, "", (), []) and not callable(param.default):
        text += words("help.default", value=getattr(param.default, "value", param.default))
    return names if param.is_flag else f"{names} {metavar}", text


def _metavar(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(member.value) for member in annotation)
    return _METAVARS.get(annotation, "TEXT")
