"""What every command holds: the language, where it writes, and the way to the house."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.text import Text

from broker.cli.texts import TEXTS
from broker.demo.language import Language, Words, clean
from broker.log import configure
from broker.settings import Settings, load
from schemas.errors import KakehashiError

if TYPE_CHECKING:
    from broker.house import House

T = TypeVar("T")
_UNSEEN_WIDTH = 130


class Session:
    """One call of the command."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.words = Words(TEXTS, language)
        # a pipe or a log has no width; eighty columns would break tables for nobody's sake
        wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNSEEN_WIDTH
        self.out = Console(highlight=False, width=wide)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, key: str, style: str = "", **values: object) -> None:
        """A line of ours on standard output."""
        self.out.print(Text(clean(self.words(key, **values)), style=style), soft_wrap=True)

    def note(self, key: str, style: str = "", **values: object) -> None:
        """A line on standard error, which leaves standard output to what was asked for."""
        self.err.print(Text(clean(self.words(key, **values)), style=style))

    def json(self, value: Any) -> None:
        """One JSON value on standard output."""
        sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
        sys.stdout.flush()

    def fail(self, error: KakehashiError) -> None:
        """An error as one line: what, in which field, with which value."""
        where = ""
        if error.field:
            where = f" ({error.field}" + (f" = {error.value}" if error.value is not None else "") + ")"
        line = Text(self.words("error"), style="bold red")
        line.append(" " + clean(error.detail).replace("\n", " "), style="red")
        line.append(clean(where).replace("\n", " "), style="yellow")
        self.err.print(line)

    def confirm(self, key: str, *, yes: bool, **values: object) -> None:
        """Ask back where somebody sits at the terminal; ends the command unless the answer is yes."""
        if not yes and sys.stdin.isatty():
            typer.confirm(clean(self.words(key, **values)), abort=True, err=True)

    @contextmanager
    def busy(self, key: str, **values: object) -> Iterator[None]:
        """A spinner where somebody is looking."""
        if self.err.is_terminal:
            with self.err.status(self.words(key, **values)):
                yield
        else:
            yield

    def with_house(self, work: Callable[[House], Awaitable[T]]) -> T:
        """Open the house as the environment says, without anything in the background, work in it, and close it."""
        settings = load()
        return asyncio.run(_in_house(settings, work))


async def _in_house(settings: Settings, work: Callable[[House], Awaitable[T]]) -> T:
    from broker.app import open_house

    # what a command has to say it says itself
    configure("error")
    house = await open_house(settings, serving=False)
    try:
        return await work(house)
    finally:
        await house.close()


def session_of(context: typer.Context) -> Session:
    found = context.find_object(Session)
    if found is None:
        raise RuntimeError("the command was called without a session")
    return found
