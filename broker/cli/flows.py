"""`kakehashi flows`: the metered records, the latest of them as a table or all as JSON, NDJSON and CSV."""

from __future__ import annotations

import sys
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.session import session_of
from broker.demo.flows_view import flow_table
from schemas.errors import BadRequestData
from schemas.flow import Flow

if TYPE_CHECKING:
    from broker.house import House

Text = str | None
_PAGE = 1000


def flows(
    context: typer.Context,
    since: Annotated[Text, typer.Option("--from", metavar="TIME", help="flows.from")] = None,
    until: Annotated[Text, typer.Option("--to", metavar="TIME", help="flows.to")] = None,
    consumer: Annotated[Text, typer.Option(help="flows.consumer")] = None,
    provider: Annotated[Text, typer.Option(help="flows.provider")] = None,
    type: Annotated[Text, typer.Option("--type", help="flows.type")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="flows.limit")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
    as_ndjson: Annotated[bool, typer.Option("--ndjson", help="flows.ndjson")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="flows.csv")] = False,
) -> None:
    """The latest flows of the last day, or since --from, in the order in which they were committed."""
    from broker.web.administration.flow_formats import FlowFormat, dump, to_object
    from broker.web.administration.flow_parameters import parse_flows

    session = session_of(context)
    chosen = [f for f, on in zip(FlowFormat, (as_json, as_ndjson, as_csv), strict=True) if on]
    if len(chosen) > 1:
        raise BadRequestData("only one of --json, --ndjson and --csv", field="--" + chosen[1].value)
    begin = since or (datetime.now(UTC) - timedelta(days=1)).isoformat()
    named = {"from": begin, "to": until, "consumer": consumer, "provider": provider, "type": type}
    where = parse_flows((name, value) for name, value in named.items() if value is not None).where

    async def work(house: House) -> list[Flow]:
        from broker.store.flows import Cursor, read_flows

        latest: deque[Flow] = deque(maxlen=limit)
        cursor: Cursor | None = None
        while True:
            page = await read_flows(house.database, where, cursor=cursor, limit=_PAGE)
            latest.extend(page.flows)
            if not page.more:
                return list(latest)
            cursor = page.cursor

    found = session.with_house(work)
    if chosen:
        sys.stdout.buffer.write(dump(found, chosen[0]))
        if chosen[0] is FlowFormat.JSON:
            sys.stdout.buffer.write(b"\n")
        sys.stdout.flush()
    elif found:
        session.out.print(flow_table(session.words, [to_object(flow) for flow in found]))
    else:
        session.say("flows.none", "dim")
