"""What the KPI figures are counted from, aggregated by PostgreSQL. What they mean is in broker/kpi."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broker.store.database import Database
from schemas.flow import NO_SERVICES

_TIMEOUT = 120.0

# `month` is the first day of the month in which the request arrived, in Tokyo.
_USED = """
    WITH used AS (
        SELECT request, batch, service, service <> ALL($5::text[]) AS registered, consumer_area, platform,
            provider_organisation, provider_area, types, entities,
            date_trunc('month', time AT TIME ZONE 'Asia/Tokyo')::date AS month
        FROM flows
        WHERE time >= $1 AND time < $2 AND entities > 0 AND replay_of IS NULL
            AND ($3::text IS NULL OR provider_area = $3) AND ($4::text IS NULL OR service = $4)
    )
"""

_USES = "SELECT month, batch, count(DISTINCT request) FROM used GROUP BY month, batch"

_SERVICES = """
    SELECT month, count(DISTINCT service) FROM used WHERE registered GROUP BY GROUPING SETS ((month), ())
"""

# A platform that delivered only to requests that named no type counts as one asset: which type it was is not recorded.
_ASSETS = """
    SELECT month, sum(greatest(types, 1))::bigint FROM (
        SELECT month, platform, count(DISTINCT type) AS types
        FROM used LEFT JOIN LATERAL unnest(types) AS type ON true
        GROUP BY GROUPING SETS ((month, platform), (platform))
    ) AS assets GROUP BY month
"""

_PROVIDERS = """
    SELECT platform, provider_organisation, provider_area, month, batch, count(DISTINCT request), sum(entities)::bigint
    FROM used GROUP BY platform, provider_organisation, provider_area, month, batch
"""

_AREAS = """
    SELECT NULL, NULL, provider_area, month, batch, count(DISTINCT request), sum(entities)::bigint
    FROM used GROUP BY provider_area, month, batch
"""

_PAIRS = """
    SELECT provider_area, consumer_area, month, count(DISTINCT request), sum(entities)::bigint
    FROM used GROUP BY provider_area, consumer_area, month
"""

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
    database: Database, since: datetime, until: datetime, *, area: str | None = None, service: str | None = None
) -> Usage:
    """Of requests that arrived from `since` on and before `until`, delivered something, and are no replay.

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
