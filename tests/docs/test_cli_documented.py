"""docs/cli.md tells every command, and every option of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from documents import DOCS, code, rows

from broker.cli.main import app

TOLD = {
    " ".join(word for word in code(cells[0])[0].split() if not word.isupper()): cells
    for cells in rows((DOCS / "cli.md").read_text(), 2)
}
EVERYWHERE = {"--help", "-h", "--lang", "--version", "--json", "-y"}
"""Told once, above the tables, or short for what is told."""


def commands(command: Any, path: str = "kakehashi") -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from commands(child, f"{path} {name}")


def test_every_command_is_told_and_none_is_made_up() -> None:
    assert set(TOLD) == {path for path, _ in commands(typer.main.get_command(app))}


def test_every_option_is_told_and_none_is_made_up() -> None:
    for path, command in commands(typer.main.get_command(app)):
        _, does = TOLD[path]
        told = {part.split()[0] for part in code(does) if part.startswith("--")}
        options = {
            name
            for param in command.params
            if param.param_type_name == "option"
            for name in param.opts
            if name not in EVERYWHERE
        }
        assert options == told - EVERYWHERE, path


def test_arguments_are_told() -> None:
    text = (DOCS / "cli.md").read_text()
    for path, command in commands(typer.main.get_command(app)):
        for param in command.params:
            if param.param_type_name == "argument":
                assert f"`{path} {param.metavar}`" in text, path
