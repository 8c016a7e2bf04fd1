"""Platforms, what was found of them, and the checks of a certification, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from broker.cli.session import Session
from broker.demo.language import clean

_STATES = {"active": "green", "certified": "bold green", "unverified": "yellow"}
_MANY = 12


def show_platforms(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line each."""
    if not rows:
        session.say("platform.none", "dim")
        return
    table = Table(title=session.words("platform.title"))
    for column in ("id", "area", "adapter", "endpoint", "types", "state"):
        table.add_column(session.words(f"platform.col.{column}"), overflow="fold")
    for row in rows:
        types = row["coverage"]["types"] or (row["probe"] or {}).get("types") or []
        table.add_row(
            cell(row["id"]),
            cell(row["area"]),
            cell(row["adapter"]),
            cell(row["endpoint"]),
            few(types),
            state(session, row),
        )
    session.out.print(table)


def show_platform(session: Session, row: Mapping[str, Any]) -> None:
    """Everything that was said of it, then what was found."""
    words = session.words
    table = Table(show_header=False, title=clean(row["id"]))
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for name in ("name", "area", "organisation", "adapter", "endpoint", "tenant", "service_path", "context"):
        if row[name]:
            table.add_row(words(f"platform.col.{name}"), cell(row[name]))
    coverage = row["coverage"]
    for name in ("types", "ids", "id_patterns", "attributes"):
        if coverage[name]:
            table.add_row(words(f"platform.col.{name}"), few(coverage[name]))
    if coverage["geometry"]:
        table.add_row(words("platform.col.geometry"), cell(coverage["geometry"].get("type")))
    for name, value in row["options"].items():
        table.add_row(f"{words('platform.col.option')} {clean(name)}", cell(_short(value)))
    key = "platform.credential_kept" if row["has_credential"] else "platform.credential_none"
    table.add_row(words("platform.col.credential"), words(key))
    table.add_row(words("platform.col.timeout_ms"), cell(row["timeout_ms"]))
    table.add_row(words("platform.col.state"), state(session, row))
    session.out.print(table)
    if row["probe"] is not None:
        _show_probe(session, row["probe"])


def _show_probe(session: Session, probe: Mapping[str, Any]) -> None:
    words = session.words
    if probe["problem"]:
        line = Text(words("platform.problem", field=clean(probe["field"] or "endpoint")), style="bold red")
        line.append(" " + clean(probe["problem"]), style="red")
        session.out.print(line, soft_wrap=True)
    if not probe["ok"]:
        return
    session.say("platform.found", "bold")
    lines = [words("platform.found.dialect", dialect=probe["dialect"])] if probe["dialect"] else []
    if probe["types"]:
        lines.append(words("platform.found.types", types=", ".join(probe["types"][:_MANY]), n=len(probe["types"])))
    if probe["page_limit"]:
        lines.append(words("platform.found.page_limit", limit=probe["page_limit"]))
    if probe["clock_offset"] is not None:
        lines.append(words("platform.found.clock", seconds=f"{probe['clock_offset']:+.1f}"))
    if probe["verified"]:
        lines.append(words("platform.found.verified", filters=", ".join(probe["verified"])))
    for line in (*lines, *probe["findings"]):
        session.out.print(Text("  ・" + clean(line)), soft_wrap=True)


def show_checks(session: Session, report: Mapping[str, Any]) -> None:
    """Every check with its result; problems in red."""
    if report.get("problem"):
        line = Text(session.words("error"), style="bold red")
        session.out.print(line.append(" " + clean(report["problem"]), style="red"), soft_wrap=True)
    if report["checks"]:
        table = Table(title=clean(report["id"]))
        for column in ("check", "result", "detail"):
            table.add_column(session.words(f"platform.checks.{column}"), overflow="fold")
        for check in report["checks"]:
            key, style = ("ok", "green") if check["ok"] else ("failed", "bold red")
            if check["skipped_reason"]:
                key, style = "skipped", "dim"
            table.add_row(
                cell(check["title"]),
                Text(session.words(f"platform.checks.{key}"), style=style),
                cell(check["skipped_reason"] or check["detail"]),
            )
        session.out.print(table)
    certified = report["certified"]
    key = "platform.certified" if certified else "platform.not_certified"
    session.say(key, "bold green" if certified else "bold red", platform=report["id"])


def state(session: Session, row: Mapping[str, Any]) -> Text:
    """In words and colour."""
    return Text(session.words.or_same("state.", row["state"]), style=_STATES.get(row["state"], ""))


def cell(value: object) -> Text:
    """Whatever came from outside, as text that is nothing but text."""
    return Text("" if value is None else clean(value))


def few(values: Sequence[str]) -> Text:
    """The first of many."""
    shown = ", ".join(values[:_MANY])
    return Text(clean(shown if len(values) <= _MANY else f"{shown}, … ({len(values)})"))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"
