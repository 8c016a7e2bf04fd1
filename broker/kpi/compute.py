"""The figures of a fiscal year, shaped from the store's counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from broker.kpi.definitions import DEFINITIONS
from broker.store.database import Database
from broker.store.kpi import Share, Usage, read_usage
from broker.store.usage_rollup import roll_up
from schemas.errors import InvalidRequest
from schemas.kpi.figures import AreaPair, Figures, KpiReport, ProviderFigures, Uses
from schemas.kpi.fiscal import bounds, fiscal_year, months

_FIRST, _LAST = 2000, 2999
_Provider = tuple[str | None, str | None, str | None]


async def compute(
    database: Database,
    year: int | None = None,
    *,
    area: str | None = None,
    service: str | None = None,
    now: datetime | None = None,
) -> KpiReport:
    """The fiscal year that begins in April of `year`; None: the one in which `now` lies.

    `area`: only what the platforms of this area delivered. `service`: only what this service used. Raises
    InvalidRequest for a year that is none, StoreUnavailable.
    """
    if year is None:
        year = fiscal_year(now or datetime.now(UTC))
    if not _FIRST <= year <= _LAST:
        raise InvalidRequest(f"The fiscal year is a number from {_FIRST} to {_LAST}.", field="year", value=year)
    for field, text in (("area", area), ("service", service)):
        if text is not None and "\0" in text:
            raise InvalidRequest("No name has the character NUL.", field=field, value=text)
    await roll_up(database)
    usage = await read_usage(database, date(year, 4, 1), date(year + 1, 4, 1), area=area, service=service)
    return shape(usage, year, area=area, service=service)


def shape(usage: Usage, year: int, *, area: str | None = None, service: str | None = None) -> KpiReport:
    """Pure. Months without use are there with zeros; providers and pairs without use are not there."""
    calendar = months(year)
    since, until = bounds(year)
    services, assets = dict(usage.services), dict(usage.assets)
    uses = {month: Uses() for month in calendar}
    for month, batch, requests in usage.uses:
        uses[month] += _uses(batch, requests)
    return KpiReport(
        year=year,
        since=since,
        until=until,
        area=area,
        service=service,
        months=calendar,
        monthly=tuple(Figures(uses[month], services.get(month, 0), assets.get(month, 0)) for month in calendar),
        total=Figures(sum(uses.values(), Uses()), services.get(None, 0), assets.get(None, 0)),
        providers=_providers(usage.providers, calendar),
        areas=_providers(usage.areas, calendar),
        pairs=_pairs(usage.pairs, calendar),
        definitions=DEFINITIONS,
    )


def _uses(batch: bool, requests: int) -> Uses:
    return Uses(batch=requests) if batch else Uses(interactive=requests)


def _providers(shares: Iterable[Share], calendar: tuple[date, ...]) -> tuple[ProviderFigures, ...]:
    monthly: dict[_Provider, dict[date, Uses]] = {}
    entities: dict[_Provider, int] = {}
    for platform, organisation, area, month, batch, requests, delivered in shares:
        key = (platform, organisation, area)
        by_month = monthly.setdefault(key, dict.fromkeys(calendar, Uses()))
        by_month[month] += _uses(batch, requests)
        entities[key] = entities.get(key, 0) + delivered
    found = [
        # A request has one month, so a provider's requests of the year are the sum of its months'.
        ProviderFigures(*key, sum(by.values(), Uses()), entities[key], tuple(by.values()))
        for key, by in monthly.items()
    ]
    return tuple(sorted(found, key=lambda one: _order(one.area, one.organisation, one.platform)))


def _pairs(
    counts: Iterable[tuple[str | None, str | None, date, int, int]], calendar: tuple[date, ...]
) -> tuple[AreaPair, ...]:
    monthly: dict[tuple[str | None, str | None], dict[date, int]] = {}
    uses: dict[tuple[str | None, str | None], int] = {}
    for provider, consumer, month, requests, delivered in counts:
        key = (provider, consumer)
        monthly.setdefault(key, dict.fromkeys(calendar, 0))[month] += delivered
        uses[key] = uses.get(key, 0) + requests
    found = [AreaPair(*key, sum(by.values()), uses[key], tuple(by.values())) for key, by in monthly.items()]
    return tuple(sorted(found, key=lambda pair: _order(pair.provider_area, pair.consumer_area)))


def _order(*names: str | None) -> tuple[tuple[bool, str], ...]:
    """By name; what has none comes last."""
    return tuple((name is None, name or "") for name in names)
