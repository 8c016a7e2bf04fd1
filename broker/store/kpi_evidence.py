"""Where in the ledger a project's events stand, and up to where its figures had counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from broker.store.database import Database

_EVENTS = """
    SELECT s.seq, e.time, e.kind, e.subject, e.body FROM ledger_events AS e JOIN ledger_entries AS s ON s.id = e.id
    WHERE s.seq < $2 AND (
        e.kind IN ('correction.approved', 'area.applied', 'catalog.judged')
        OR (e.kind = 'project.changed' AND e.subject = $1)
        OR (starts_with(e.kind, 'kpi.') AND (e.subject = $1 OR starts_with(e.subject, $1 || '/')))
    ) ORDER BY s.seq
"""
# Flows are numbered in the order of their transactions, so all that had been counted stand before the next one.
_FLOWS = """
    SELECT s.seq + 1 FROM (
        SELECT id FROM flows WHERE txid < $1::text::xid8 ORDER BY txid DESC, seq DESC LIMIT 1
    ) AS last JOIN ledger_entries AS s ON s.id = last.id
"""


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event of the ledger at its place."""

    seq: int
    time: datetime
    kind: str
    subject: str
    body: dict[str, Any]


class KpiEvidence:
    """Methods raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def events(self, project: str, size: int) -> list[NumberedEvent]:
        """Among the first `size` entries: those about the project and its KPIs, and all corrections, roll-outs and
        judgements of assets; in order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_EVENTS, project, size, timeout=60.0)
        return [NumberedEvent(r["seq"], r["time"], r["kind"], r["subject"], orjson.loads(r["body"])) for r in rows]

    async def flows_below(self, below: int) -> int:
        """The first entry behind the flows of transactions with numbers less than `below`; 0 if there are none."""
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(_FLOWS, str(below))
        return found or 0

    async def knows(self, below: int) -> bool:
        """Whether the number is one of this server; not if a dump was restored into it since."""
        async with self._database.connection() as connection:
            return bool(
                await connection.fetchval(
                    "SELECT $1::text::xid8 <= pg_snapshot_xmax(pg_current_snapshot())", str(below)
                )
            )
