"""`kakehashi adapters`, `settings`, `version`: what is installed and how it is set."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.metadata import version as installed
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import typer
from pydantic.fields import FieldInfo
from rich.table import Table
from rich.text import Text

from adapters.contract import Manifest
from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of
from broker.cli.texts import SETTINGS_JA
from broker.demo.language import Language
from broker.settings import PREFIX, Settings, load

AsJson = Annotated[bool, typer.Option("--json", help="json")]
_MASK = "********"


def adapters(
    context: typer.Context,
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="adapters.kind")] = None,
    as_json: AsJson = False,
) -> None:
    """All kinds, or one with its options and capabilities."""
    from adapters import registry

    session = session_of(context)
    manifests = [registry.module(k).manifest for k in ((kind,) if kind else registry.kinds())]
    if as_json:
        session.json([_manifest(m) for m in manifests])
    elif kind:
        _show_adapter(session, manifests[0])
    else:
        table = Table(title=session.words("adapters.title"))
        for name in ("kind", "name", "standard"):
            table.add_column(session.words(f"adapters.col.{name}"), overflow="fold")
        for m in manifests:
            table.add_row(m.kind, _title(session, m), f"{m.standard} {m.version}")
        session.out.print(table)
        session.say("adapters.more", "dim")


def settings(context: typer.Context, as_json: AsJson = False) -> None:
    """Every setting with its value, where that comes from, and what it means."""
    session = session_of(context)
    loaded = load()
    file = os.environ.get(PREFIX + "CONFIG", "")
    in_file = load({PREFIX + "CONFIG": file}).model_fields_set if file else frozenset()
    japanese = session.language is Language.JA
    rows = []
    for name, field in Settings.model_fields.items():
        variable = PREFIX + name.upper()
        source = "environment" if variable in os.environ else "file" if name in in_file else "default"
        rows.append(
            {
                "setting": variable,
                "value": shown_value(field, getattr(loaded, name)),
                "source": source,
                "description": SETTINGS_JA.get(name, field.description) if japanese else field.description,
            }
        )
    if as_json:
        session.json(rows)
        return
    table = Table(title=session.words("settings.title", file=file or "—"))
    for column in ("setting", "value", "source", "description"):
        table.add_column(session.words(f"settings.col.{column}"), overflow="fold")
    for row in rows:
        table.add_row(
            Text(str(row["setting"]), style="cyan"),
            cell(row["value"]),
            session.words(f"settings.source.{row['source']}"),
            cell(row["description"]),
        )
    session.out.print(table)


def version(context: typer.Context) -> None:
    """Of Kakehashi and of what it runs on."""
    session_of(context).out.print(_version(), soft_wrap=True)


def eager(context: typer.Context, asked: bool) -> None:
    """`kakehashi --version`."""
    if asked:
        version(context)
        raise typer.Exit()


def shown_value(field: FieldInfo, value: object) -> str:
    """A value as it may be seen: secrets are masked, also the password in a URL."""
    if field.repr is False:
        return _MASK if value else ""
    text = str(getattr(value, "value", value))
    return _without_password(text) if "://" in text else text


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return _MASK
    if "password" in parts.query.lower():
        return _MASK
    account, at, host = parts.netloc.rpartition("@")
    name, colon, _ = account.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}:{_MASK}{at}{host}")) if colon else url


def _version() -> str:
    return f"kakehashi {installed('kakehashi')} (Python {platform.python_version()}, {platform.system()})"


def _title(session: Session, manifest: Manifest) -> str:
    return manifest.title_ja if session.language is Language.JA else manifest.title


def _manifest(manifest: Manifest) -> dict[str, Any]:
    capabilities = {n: sorted(v) if isinstance(v, frozenset) else v for n, v in asdict(manifest.capabilities).items()}
    return asdict(manifest) | {"capabilities": capabilities, "options_schema": dict(manifest.options_schema)}


def _show_adapter(session: Session, manifest: Manifest) -> None:
    words = session.words
    session.out.print(Text(f"{manifest.kind}: {_title(session, manifest)}", style="bold"))
    can = Table(title=words("adapters.can"))
    can.add_column(words("adapters.col.capability"))
    can.add_column(words("adapters.col.value"), overflow="fold")
    for field in fields(manifest.capabilities):
        value = getattr(manifest.capabilities, field.name)
        if value not in (False, None, frozenset(), (), "none"):
            text = ", ".join(sorted(map(str, value))) if isinstance(value, (frozenset, tuple)) else str(value)
            can.add_row(field.name, text)
    session.out.print(can)
    options: Mapping[str, Any] = manifest.options_schema.get("properties", {})
    table = Table(title=words("adapters.options"))
    for name in ("option", "type", "default", "description"):
        table.add_column(words(f"adapters.col.{name}"), overflow="fold")
    for name, schema in options.items():
        table.add_row(
            Text(name, style="cyan"),
            cell(_type_of(schema)),
            cell(schema.get("default")),
            cell(_side(session, schema.get("description", ""))),
        )
    if options:
        session.out.print(table)
    for rule in manifest.quality:
        if not rule.done:
            session.say("adapters.not_yet", "dim", rule=rule.id, note=rule.note)


def _type_of(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    given = schema.get("type", "")
    return given if isinstance(given, str) else " | ".join(given)


def _side(session: Session, text: str) -> str:
    """Manifests say "English / 日本語"."""
    english, slash, japanese = text.rpartition(" / ")
    if not slash:
        return text
    return japanese if session.language is Language.JA else english
