"""The command `kakehashi`: its commands put together, in the user's language, and the one place where errors end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from broker.cli import (
    about,
    agreement,
    area,
    catalog,
    demo,
    flows,
    kpi,
    kpi_evidence,
    kpi_feed,
    kpi_life,
    kpi_report,
    ledger,
    plan,
    platform,
    project,
    secrets,
    serve,
    service,
    verify,
    witness,
)
from broker.cli.help_view import Command, Group
from broker.cli.session import Session
from broker.demo.language import Language, language_of
from schemas.errors import KakehashiError

app = typer.Typer(
    name="kakehashi",
    cls=Group,
    help="help",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve", cls=Command, help="serve.help")(serve.serve)
app.command("demo", cls=Command, help="demo.help")(demo.demo)
app.add_typer(platform.app, name="platform", help="platform.help")
app.add_typer(service.app, name="service", help="service.help")
app.add_typer(agreement.app, name="agreement", help="agreement.help")
app.add_typer(secrets.app, name="secrets", help="secrets.help")
app.command("admin-key", cls=Command, help="admin-key.help")(service.admin_key)
app.add_typer(project.app, name="project", help="project.help")
app.add_typer(area.app, name="area", help="area.help")
kpi.app.add_typer(kpi_life.app)
app.add_typer(catalog.app, name="catalog", help="catalog.help")
kpi.app.add_typer(kpi_report.app)
kpi.app.add_typer(kpi_evidence.app)
kpi.app.add_typer(kpi_feed.app)
app.add_typer(kpi.app, name="kpi", help="kpi.help")
app.add_typer(ledger.app, name="ledger", help="ledger.help")
app.command("witness", cls=Command, help="witness.help")(witness.witness)
app.command("verify", cls=Command, help="verify.help")(verify.verify)
app.command("flows", cls=Command, help="flows.help")(flows.flows)
app.command("explain", cls=Command, help="explain.help")(plan.explain)
app.command("adapters", cls=Command, help="adapters.help")(about.adapters)
app.command("settings", cls=Command, help="settings.help")(about.settings)
app.command("version", cls=Command, help="version.help")(about.version)


@app.callback()
def root(
    context: typer.Context,
    # taken before the commands are built, wherever it stands; here for the help
    lang: Annotated[str | None, typer.Option("--lang", metavar="ja|en", help="lang")] = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="version.help", callback=about.eager)
    ] = False,
) -> None:
    """Options that every command has."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command. Status 0: done; 1: it failed and said why; 2: it was called wrongly."""
    given = list(sys.argv[1:] if argv is None else argv)
    language, given = choose_language(given, language_of(os.environ))
    session = Session(language)
    try:
        typer.main.get_command(app).main(args=given, prog_name="kakehashi", obj=session)
    except KakehashiError as error:
        session.fail(error)
    except BrokenPipeError:
        # whoever reads has seen enough; nothing may be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def choose_language(argv: Sequence[str], default: Language) -> tuple[Language, list[str]]:
    """`--lang ja` or `--lang=ja` counts wherever it stands before `--`; a value that is no language is left to fail."""
    rest: list[str] = []
    chosen = default
    words = iter(argv)
    for word in words:
        if word == "--":
            return chosen, [*rest, word, *words]
        name, equals, value = word.partition("=")
        if name != "--lang":
            rest.append(word)
            continue
        if not equals:
            value = next(words, "")
        try:
            chosen = Language(value)
        except ValueError:
            raise SystemExit(f"kakehashi: --lang: ja, en ({value!r}?)") from None
    return chosen, rest
