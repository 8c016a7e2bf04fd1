"""`kakehashi explain`: what a query would ask of whom, without asking it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table
from rich.text import Text

from broker.cli.platform_view import cell
from broker.cli.session import Session, session_of
from broker.demo.language import clean

if TYPE_CHECKING:
    from broker.house import House

_KEPT = "%&=+;,:|!~()[].*'$@/?<>\"{}^`\\- "

_NOTHING = ("never kept", "nothing is kept")


def explain(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="explain.query")],
    link: Annotated[str | None, typer.Option("--context", metavar="URL", help="explain.context")] = None,
    tenant: Annotated[str, typer.Option(help="explain.tenant")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """The plan in words; nothing is asked and nothing is metered."""
    session = session_of(context)
    text = encoded(query)

    async def work(house: House) -> dict[str, Any]:
        from schemas.ngsi_ld.context import CORE
        from schemas.ngsi_ld.params import parse_query, read_parameters

        names = CORE if link is None else await house.contexts.get(link)
        parameters = read_parameters(text, max_bytes=house.settings.max_query_bytes)
        parsed, _ = parse_query(parameters, names, tenant=tenant)
        return house.gateway.explain(parsed)

    plan = session.with_house(work)
    if as_json:
        session.json(plan)
    else:
        show_plan(session, plan)


def encoded(query: str) -> bytes:
    """A query string as it is typed or copied from a URL: what comes before `?` goes, Japanese is percent-encoded."""
    head, mark, tail = query.partition("?")
    given = tail if mark and ("/" in head or not head) else query
    return quote(given, safe=_KEPT, errors="replace").encode()


def show_plan(session: Session, plan: Mapping[str, Any]) -> None:
    """One row for each source, then how the answers become one."""
    words = session.words
    table = Table(title=words("explain.title"))
    for name in ("platform", "area", "adapter", "asked", "here", "deadline"):
        table.add_column(words(f"explain.col.{name}"), overflow="fold")
    for source in plan["sources"]:
        who = (cell(source["platform"]), cell(source["area"]), cell(source["adapter"]))
        if "asked" not in source:
            reason = words("explain.left_out", reason=source["reason"])
            table.add_row(*who, Text(clean(reason), style="dim"))
            continue
        asked = Text(clean(source["asked"]))
        if not source["would_be_asked"]:
            asked.append(words("explain.breaker"), style="yellow")
        if source["cache"] not in _NOTHING:
            asked.append(f" ({words.or_same('cache.', source['cache'])})", style="dim")
        here = ", ".join(words.or_same("filter.", name) for name in source["filtered_here"]) or "—"
        table.add_row(*who, asked, Text(here), f"{source['deadline_ms']} ms")
    session.out.print(table)
    session.say("explain.paging", text=words.or_same("plan.", plan["paging"]))
    session.say("explain.filters", text=words.or_same("plan.", plan["filters"]))
