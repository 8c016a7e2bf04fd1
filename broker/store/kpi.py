"""What the KPI figures are counted from, aggregated by PostgreSQL. What they mean is in broker/kpi."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.store.database import Database
from schemas.flow import NO_SERVICES

_TIMEOUT = 120.0

# A key is what flows have in common, a set the keys of one request's flows (broker/store/usage_rollup.py).
_USED = """
    WITH used AS (
        SELECT *, service <> ALL($5::text[]) AS registered FROM usage_keys
        WHERE delivered AND NOT replay
            AND ($3::text IS NULL OR provider_area = $3) AND ($4::text IS NULL OR service = $4)
    ), sets AS (
        SELECT usage_sets.id AS keyset, used.* FROM usage_sets CROSS JOIN unnest(keys) AS key JOIN used ON used.id = key
    ), requests AS (
        SELECT keyset, month, requests FROM request_monthly WHERE month >= $1 AND month < $2
    ), flows AS (
        SELECT key, month, entities FROM flow_monthly WHERE month >= $1 AND month < $2
    ), delivered AS (
        SELECT * FROM flows JOIN used ON used.id = flows.key
    )
"""

_USES = """
    SELECT month, batch, sum(requests)::bigint
    FROM requests JOIN (SELECT DISTINCT keyset, batch FROM sets) AS counted USING (keyset) GROUP BY month, batch
"""

_SERVICES = """
    SELECT month, count(DISTINCT service) FROM delivered WHERE registered GROUP BY GROUPING SETS ((month), ())
"""

# A platform that delivered only to requests that named no type counts as one asset: which type it was is not recorded.
_ASSETS = """
    SELECT month, sum(greatest(types, 1))::bigint FROM (
        SELECT month, platform, count(DISTINCT type) AS types
        FROM delivered LEFT JOIN LATERAL unnest(types) AS type ON true
        GROUP BY GROUPING SETS ((month, platform), (platform))
    ) AS assets GROUP BY month
"""


def _shared(columns: str, group: str) -> str:
    """Requests by who had a part in them, and entities. Neither is there without the other."""
    return f"""
        SELECT {columns}, requests, entities FROM (
            SELECT {group}, month, sum(requests)::bigint AS requests
            FROM requests JOIN (SELECT DISTINCT keyset, {group} FROM sets) AS counted USING (keyset)
            GROUP BY {group}, month
        ) AS r JOIN (
            SELECT {group}, month, sum(entities)::bigint AS entities FROM delivered GROUP BY {group}, month
        ) AS e ON r.month = e.month AND ({_each("r", group)}) IS NOT DISTINCT FROM ({_each("e", group)})
    """  # noqa: S608


def _each(side: str, group: str) -> str:
    return "ROW(" + ", ".join(f"{side}.{name.strip()}" for name in group.split(",")) + ")"


_PROVIDERS = _shared(
    "r.platform, r.provider_organisation, r.provider_area, r.month, r.batch",
    "platform, provider_organisation, provider_area, batch",
)
_AREAS = _shared("NULL, NULL, r.provider_area, r.month, r.batch", "provider_area, batch")
_PAIRS = _shared("r.provider_area, r.consumer_area, r.month", "provider_area, consumer_area")

Share = tuple[str | None, str | None, str | None, date, bool, int, int]
"""Platform, organisation, area, month, batch, requests, entities."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts by month (the first day of it); a month in which nothing was used is missing. Month None: the year."""

    uses: list[tuple[date, bool, int]]
    """Month, batch, distinct requests."""
    services: list[tuple[date | None, int]]
    assets: list[tuple[date | None, int]]
    providers: list[Share]
    areas: list[Share]
    pairs: list[tuple[str | None, str | None, date, int, int]]
    """Provider's area, consumer's area, month, distinct requests, entities."""


async def read_usage(
    database: Database, since: date, until: date, *, area: str | None = None, service: str | None = None
) -> Usage:
    """Of requests that arrived from `since` on and before `until` (first days of months of Tokyo), delivered something,
    and are no replay, as far as they are rolled up.

    `area`: only flows of this provider area. `service`: only flows to this consumer. All counts are of one snapshot.
    Raises StoreUnavailable.
    """
    arguments = (since, until, area, service, list(NO_SERVICES))
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        uses, services, assets, providers, areas, pairs = [
            [tuple(row) for row in await connection.fetch("".join((_USED, select)), *arguments, timeout=_TIMEOUT)]
            for select in (_USES, _SERVICES, _ASSETS, _PROVIDERS, _AREAS, _PAIRS)
        ]
    return Usage(uses, services, assets, providers, areas, pairs)
