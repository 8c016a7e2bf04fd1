"""`kakehashi platform health`: how a platform does, asked of a running gateway, for only that one knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of
from broker.demo.language import Language
from broker.settings import load
from schemas.errors import NotFound, SettingsError, Unavailable

_DEFAULT = "http://127.0.0.1:9090"


def health(
    context: typer.Context,
    platform: Annotated[str, typer.Argument(metavar="ID", help="platform.arg")],
    url: Annotated[str | None, typer.Option(metavar="URL", help="platform.health.url")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """Status 1 if it is not asked now."""
    session = session_of(context)
    told = _asked(platform, url)
    if as_json:
        session.json(told)
    else:
        show_health(session, told)
    if not told["usable"]:
        raise typer.Exit(1)


def _asked(platform: str, url: str | None) -> dict[str, Any]:
    import httpx2

    from broker.keys import admin_key

    settings = load()
    base = (url or settings.public_url or _DEFAULT).rstrip("/")
    headers = {"X-API-Key": admin_key(settings.admin_key, settings.home.expanduser().resolve())}
    try:
        answer = httpx2.get(f"{base}/platforms/{quote(platform, safe=':')}/health", headers=headers, timeout=10)
    except httpx2.HTTPError:
        raise Unavailable("no gateway answers there", field="--url", value=base) from None
    if answer.status_code == 404:
        raise NotFound("there is no such platform", field="platform", value=platform)
    if answer.status_code in (401, 403):
        raise SettingsError("the gateway takes another key", field="KAKEHASHI_ADMIN_KEY")
    if answer.status_code != 200:
        raise Unavailable(f"the gateway answers with {answer.status_code}", field="--url", value=base)
    told: dict[str, Any] = answer.json()
    return told


def show_health(session: Session, told: Mapping[str, Any]) -> None:
    """The sentence, the figures, the last errors."""
    words, language = session.words, "ja" if session.language is Language.JA else "en"
    if "summary" not in told:
        session.say("health.broken", "red", problem=told.get("problem", ""))
        return
    session.out.print(cell(told["summary"][language]), style="green" if told["usable"] else "yellow")
    table = Table(title=words("health.title", id=told["id"]))
    table.add_column(words("health.what"))
    table.add_column(words("health.value"), justify="right")
    latency = told["latency_ms"]
    times = "—" if latency is None else f"{latency['p50']} / {latency['p95']} / {latency['max']}"
    rows = {
        "breaker": told["breaker"],
        "asked": f"{told['asked']} / {told['failed']}",
        "latency": times,
        "at_once": f"{told['under_way']} / {told['allowed_at_once']} / {told['max_concurrency']}",
        "waiting": f"{told['waiting']} / {told['sharing']}",
    }
    for name, value in rows.items():
        table.add_row(words(f"health.{name}"), cell(value))
    session.out.print(table)
    if told["last_errors"]:
        errors = Table(title=words("health.errors"))
        for name in ("at", "outcome", "words", "detail"):
            errors.add_column(words(f"health.error.{name}"), overflow="fold")
        for one in told["last_errors"]:
            errors.add_row(cell(one["at"]), cell(one["outcome"]), cell(one[language]), cell(one["detail"]))
        session.out.print(errors)
