"""`kakehashi kpi feed|public|hook …`: figures for those who follow along, and who is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.table import Table

from broker.cli.help_view import Command, Group
from broker.cli.kpi_files import FileForm, write_out
from broker.cli.platform_view import cell
from broker.cli.session import session_of

if TYPE_CHECKING:
    from broker.house import House
    from broker.store.kpi_feed import Delivery, FeedItem, Hook

app = typer.Typer(cls=Group)
hooks = typer.Typer(cls=Group, no_args_is_help=True)
app.add_typer(hooks, name="hook", help="kpi.hook.help")

Form = Annotated[FileForm, typer.Option("--format", help="kpi.feed.format")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="kpi.report.out")]
HookId = Annotated[str, typer.Argument(metavar="ID", help="kpi.hook.id")]
AsJson = Annotated[bool, typer.Option("--json", help="json")]


@app.command("feed", cls=Command, help="kpi.feed.help")
def feed(
    context: typer.Context,
    cursor: Annotated[int, typer.Option("--cursor", min=0, max=10**18, help="kpi.feed.cursor")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10**6, help="kpi.feed.limit")] = 1000,
    form: Form = FileForm.JSON,
    out: Out = None,
) -> None:
    """Standard error tells the next cursor."""
    from broker.kpi.feed_forms import as_object, feed_csv
    from schemas.kpi.document import encode

    async def work(house: House) -> list[FeedItem]:
        from broker.store.kpi_feed import KpiFeed

        return await KpiFeed(house.database).read(cursor, limit)

    session = session_of(context)
    found = session.with_house(work)
    made = feed_csv(found) if form is FileForm.CSV else encode([as_object(one) for one in found]) + b"\n"
    write_out(session, made, out)
    session.note("kpi.feed.next", "dim", cursor=found[-1].seq if found else cursor, items=len(found))


@app.command("public", cls=Command, help="kpi.public.help")
def public(
    context: typer.Context,
    month: Annotated[str | None, typer.Option("--month", metavar="MONTH", help="kpi.public.month")] = None,
    form: Form = FileForm.JSON,
    out: Out = None,
) -> None:
    """As `GET /kpi/public` gives them."""
    from broker.kpi.public import public_csv, public_month

    async def work(house: House) -> dict[str, Any]:
        return await public_month(house.database, month)

    session = session_of(context)
    found = session.with_house(work)
    made = public_csv(found) if form is FileForm.CSV else orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)
    write_out(session, made, out)


@hooks.callback()
def group() -> None:
    """Who is told."""


@hooks.command("add", cls=Command, help="kpi.hook.add.help")
def add(
    context: typer.Context,
    hook: HookId,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="kpi.hook.url")],
    since: Annotated[int | None, typer.Option("--since", min=0, max=10**18, help="kpi.hook.since")] = None,
    as_json: AsJson = False,
) -> None:
    """The secret is printed once."""
    from schemas.kpi.hook import read_hook

    given = read_hook({"id": hook, "url": url, "since": since})
    session = session_of(context)
    secret = session.with_house(lambda house: house.courier.pusher.add(given.id, given.url, since=given.since))
    if as_json:
        session.json({"id": given.id, "url": given.url, "secret": secret})
        return
    session.say("kpi.hook.added", "green", hook=given.id, url=given.url)
    session.say("kpi.hook.secret", secret=secret)


@hooks.command("list", cls=Command, help="kpi.hook.list.help")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """Without secrets."""
    from broker.kpi.feed_forms import described_hook

    async def work(house: House) -> list[tuple[Hook, int]]:
        from broker.store.kpi_feed import KpiFeed

        store = KpiFeed(house.database)
        return [(one, len(await store.dead(one.id))) for one in await store.hooks()]

    session = session_of(context)
    found = session.with_house(work)
    if as_json:
        session.json([described_hook(one) | {"dead": dead} for one, dead in found])
        return
    if not found:
        session.say("kpi.hook.none")
        return
    table = Table(title=session.words("kpi.hook.title"))
    for column in ("id", "url", "position", "dead"):
        table.add_column(session.words(f"kpi.hook.col.{column}"), overflow="fold")
    for one, dead in found:
        table.add_row(*map(cell, (one.id, one.url, str(one.position), str(dead))))
    session.out.print(table)


@hooks.command("remove", cls=Command, help="kpi.hook.remove.help")
def remove(
    context: typer.Context,
    hook: HookId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="yes")] = False,
) -> None:
    """With what was still to be delivered."""

    async def work(house: House) -> None:
        from broker.store.kpi_feed import KpiFeed

        await KpiFeed(house.database).remove_hook(hook)

    session = session_of(context)
    session.confirm("kpi.hook.remove.sure", yes=yes, hook=hook)
    session.with_house(work)
    session.say("kpi.hook.removed", "green", hook=hook)


@hooks.command("dead", cls=Command, help="kpi.hook.dead.help")
def dead(context: typer.Context, hook: HookId, as_json: AsJson = False) -> None:
    """After ten attempts, with the last error."""
    from broker.kpi.feed_forms import dead_letter

    async def work(house: House) -> list[Delivery]:
        from broker.store.kpi_feed import KpiFeed

        return await KpiFeed(house.database).dead(hook)

    session = session_of(context)
    found = session.with_house(work)
    if as_json:
        session.json([dead_letter(one) for one in found])
        return
    if not found:
        session.say("kpi.hook.none_dead", "green", hook=hook)
        return
    table = Table(title=session.words("kpi.hook.dead.title", hook=hook))
    for column in ("seq", "kind", "project", "subject", "day", "attempts", "error"):
        table.add_column(session.words(f"kpi.hook.col.{column}"), overflow="fold")
    for one in found:
        item = one.item
        row = (str(item.seq), item.kind, item.project, item.subject, f"{item.day}", str(one.attempts), one.error)
        table.add_row(*map(cell, row))
    session.out.print(table)


@hooks.command("retry", cls=Command, help="kpi.hook.retry.help")
def retry(context: typer.Context, hook: HookId) -> None:
    """A gateway that runs sends them within seconds."""

    async def work(house: House) -> int:
        from broker.store.kpi_feed import KpiFeed

        return await KpiFeed(house.database).revive(hook)

    session = session_of(context)
    session.say("kpi.hook.revived", "green", hook=hook, items=session.with_house(work))
