"""A party's own count against our record: one question to the store, one comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from broker.store.database import Database
from broker.store.reconciliation import Party, by_flow, by_hour
from schemas.errors import BadRequestData
from schemas.ledger.reconcile import Counted, Line, Match, reconcile, totals


async def compare(
    database: Database,
    party: Party,
    theirs: Sequence[Counted],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Line]:
    """`theirs` as `read_count` gives it. Of hours, the time is that of their lines unless it is given; of flows, what
    they don't have is only looked for in a time that is given. Raises BadRequestData, StoreUnavailable."""
    if (since is None) != (until is None):
        raise BadRequestData("from and to go together.", field="from" if since is None else "to")
    flows = [one.key for one in theirs if isinstance(one.key, UUID)]
    if flows:
        return reconcile(theirs, await by_flow(database, party, flows, since, until))
    hours = [one.key for one in theirs if isinstance(one.key, datetime)]
    begin, end = since or min(hours), until or max(hours) + timedelta(hours=1)
    return reconcile(theirs, await by_hour(database, party, begin, end))


def described(party: Party, lines: Sequence[Line], *, differences: bool) -> dict[str, Any]:
    """JSON. `differences`: without the lines that match."""
    shown = [line.to_dict() for line in lines if not differences or line.match is not Match.MATCHED]
    return {"as": party.side.value, "party": party.name, **totals(lines), "lines": shown}
