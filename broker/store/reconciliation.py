"""What our record has of one party, to be laid beside its own count (schemas/ledger/reconcile.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from broker.store.database import Database
from broker.store.text import require_storable
from schemas.errors import BadRequestData
from schemas.ledger.reconcile import Ours

MOST = 200_000
_TIMEOUT = 60.0


class Side(StrEnum):
    PROVIDER = "provider"
    """`name`: a platform, an organisation or an area."""
    CONSUMER = "consumer"
    """`name`: a service or an organisation."""


@dataclass(frozen=True, slots=True)
class Party:
    side: Side
    name: str


_OF = {
    Side.PROVIDER: "$1 IN (f.platform, f.provider_organisation, f.provider_area)",
    Side.CONSUMER: "$1 IN (f.service, f.organisation)",
}
_FLOWS = """
    SELECT f.id, f.entities, f.bytes, f.outcome, f.replay_of IS NOT NULL AS replay, c.id IS NOT NULL AS corrected,
        coalesce(c.entities, 0) AS corrected_entities, coalesce(c.bytes, 0) AS corrected_bytes,
        ({of}) IS NOT TRUE AS foreign
    FROM flows AS f LEFT JOIN corrections AS c ON c.flow = f.id AND c.state = 'approved'
    WHERE {where} ORDER BY f.id LIMIT $2
"""
_IN_TIME = "({of}) AND f.time >= $3 AND f.time < $4"
_BY_ID = """
    (f.request, f.id, f.time) IN (SELECT e.request, e.id, e.time FROM ledger_entries AS e WHERE e.id = ANY($3::uuid[]))
"""
_HOURS = """
    SELECT date_trunc('hour', f.time, 'UTC') AS hour, count(DISTINCT f.request) AS requests, count(*) AS flows,
        sum(f.entities)::bigint AS entities, sum(f.bytes)::bigint AS bytes
    FROM counted_flows AS f WHERE ({of}) AND f.time >= $2 AND f.time < $3 GROUP BY 1 ORDER BY 1
"""


async def by_hour(database: Database, party: Party, since: datetime, until: datetime) -> list[Ours]:
    """The hours (UTC) that have flows, as corrected. Requests: those that had a flow, retries among them."""
    require_storable("party", party.name)
    async with database.connection() as connection:
        rows = await connection.fetch(_HOURS.format(of=_OF[party.side]), party.name, since, until, timeout=_TIMEOUT)
    names = ("requests", "flows", "entities", "bytes")
    return [Ours(row["hour"].astimezone(UTC), {name: row[name] for name in names}) for row in rows]


async def by_flow(
    database: Database, party: Party, ids: Sequence[UUID], since: datetime | None, until: datetime | None
) -> list[Ours]:
    """The party's flows of a time, and of any time those with these ids, others' marked as foreign.

    BadRequestData if there are more than `MOST`.
    """
    require_storable("party", party.name)
    of = _OF[party.side]
    found: dict[UUID, Ours] = {}
    async with database.connection() as connection:
        statement = _FLOWS.format(of=of, where=_BY_ID)
        rows = await connection.fetch(statement, party.name, MOST, list(ids), timeout=_TIMEOUT)
        found = {one.key: one for one in map(_ours, rows) if isinstance(one.key, UUID)}
        if since is not None and until is not None:
            statement = _FLOWS.format(of=of, where=_IN_TIME.format(of=of))
            rows = await connection.fetch(statement, party.name, MOST + 1, since, until, timeout=_TIMEOUT)
            if len(rows) > MOST:
                raise BadRequestData(f"More than {MOST} flows; take a shorter time, or hours.", field="from")
            found |= {one.key: one for one in map(_ours, rows) if isinstance(one.key, UUID)}
    return list(found.values())


def _ours(row: Any) -> Ours:
    original = {"entities": row["entities"], "bytes": row["bytes"]}
    counted = original
    if row["corrected"]:
        counted = {"entities": row["corrected_entities"], "bytes": row["corrected_bytes"]}
    return Ours(
        UUID(bytes=row["id"].bytes),
        counted,
        outcome=row["outcome"],
        replay=row["replay"],
        original=original if row["corrected"] else None,
        foreign=row["foreign"],
    )
