"""Figures for those who follow along: a feed of daily and monthly figures and of filings, and live NGSI-LD entities."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from broker.kpi.judging import judge
from broker.kpi.listing import StatisticsListing
from broker.kpi.programme import Programme
from broker.store.entities import Entities
from broker.store.kpi_feed import FeedItem, KpiFeed
from schemas.errors import OperationNotSupported
from schemas.kpi.document import encode
from schemas.kpi.fiscal import TOKYO
from schemas.ngsi_ld.context import CORE

TYPE = CORE.expand("KeyPerformanceIndicator")
_TENANT = ""
Wrote = Callable[[str, frozenset[str]], Awaitable[None]]


class Publisher:
    """One turn at a time over all workers; what was published already is published no second time."""

    def __init__(
        self,
        programme: Programme,
        feed: KpiFeed,
        entities: Entities,
        wrote: Wrote,
        listing: StatisticsListing | None = None,
    ) -> None:
        self._listing = listing
        self._programme = programme
        self._feed = feed
        self._entities = entities
        self._wrote = wrote
        self._shown: dict[str, bytes] = {}

    async def turn(self, now: datetime | None = None) -> None:
        """Yesterday's figures once its day is over in Tokyo, the month's after its last, filings, entities. Raises
        StoreUnavailable."""
        today = (now or datetime.now(UTC)).astimezone(TOKYO).date()
        async with self._feed.leading() as leads:
            if not leads:
                return
            await judge(self._programme.database, now)
            if self._listing is not None:
                await self._listing.turn(today)
            for found in await self._programme.projects.all():
                project = found.project.id
                try:
                    await self._figures(project, today)
                    await self._live(project, today)
                except OperationNotSupported:
                    # nothing is agreed yet
                    pass
                await self._filings(project)

    async def _figures(self, project: str, today: date) -> None:
        yesterday = today - timedelta(days=1)
        month_end = date(today.year, today.month, 1) - timedelta(days=1)
        if not await self._feed.has("daily", project, yesterday):
            await self._feed.append(daily_items(await self._report(project, yesterday), yesterday))
        if not await self._feed.has("monthly", project, month_end):
            await self._feed.append(monthly_items(await self._report(project, month_end), month_end))

    async def _report(self, project: str, day: date) -> dict[str, Any]:
        year = day.year if day.month >= 4 else day.year - 1
        return await self._programme.report(project, year, as_of=day)

    async def _filings(self, project: str) -> None:
        items = [
            FeedItem(
                "filed",
                project,
                f"{one.year}/{one.number}",
                one.at.astimezone(TOKYO).date(),
                {
                    "filing": one.kind.value,
                    "year": one.year,
                    "number": one.number,
                    "digest": one.digest,
                    "supersedes": one.supersedes,
                },
            )
            for one in await self._programme.filings.filed(project)
        ]
        if items:
            await self._feed.append(items)

    async def _live(self, project: str, today: date) -> None:
        report = await self._report(project, today)
        made = {entity["id"]: entity for entity in (kpi_entity(report, kpi) for kpi in report["kpis"])}
        fresh = {i: encode(entity) for i, entity in made.items() if self._shown.get(i) != encode(entity)}
        if fresh:
            await self._entities.upsert_many(_TENANT, [made[i] for i in fresh])
            await self._wrote(_TENANT, frozenset({TYPE}))
            self._shown |= fresh


def daily_items(report: Mapping[str, Any], day: date) -> list[FeedItem]:
    number = report["year"] - report["project"]["first_year"] + 1
    return [
        FeedItem(
            "daily",
            report["project"]["id"],
            kpi["id"],
            day,
            _named(kpi)
            | {
                "year": report["year"],
                "value": _text(kpi[f"year{number}"]["actual"]) if number in (1, 2) else None,
                "target": _text(kpi[f"year{number}"]["target"]) if number in (1, 2) else None,
                "achievement": _text(kpi["achievement"]),
                "points": _text(kpi["points"]),
            },
        )
        for kpi in report["kpis"]
    ]


def monthly_items(report: Mapping[str, Any], day: date) -> list[FeedItem]:
    """Of the month that ends on `day`."""
    month = f"{day:%Y-%m}"
    return [
        FeedItem(
            "monthly",
            report["project"]["id"],
            kpi["id"],
            day,
            _named(kpi)
            | {"month": month, "value": next(_text(m["value"]) for m in kpi["months"] if m["period"] == month)},
        )
        for kpi in report["kpis"]
    ]


def kpi_entity(report: Mapping[str, Any], kpi: Mapping[str, Any]) -> dict[str, Any]:
    """KeyPerformanceIndicator of the Smart Data Models, names expanded: the year's figure so far."""
    project, year = report["project"], report["year"]
    number = year - project["first_year"] + 1
    now = kpi[f"year{number}"] if number in (1, 2) else {"actual": None, "target": None}
    values: dict[str, Any] = {
        "name": kpi["name_ja"],
        "alternateName": kpi["name_en"],
        "description": kpi["text_ja"],
        "process": project["name_ja"],
        "category": ["quantitative"],
        "calculationMethod": "automatic" if kpi["kind"] == "measured" else "manual",
        "calculationFrequency": "daily",
        "calculationPeriod": {"from": f"{year}-04-01", "to": f"{year + 1}-03-31"},
        "unitText": kpi["unit_ja"],
        "kpiValue": _number(now["actual"]),
        "targetValue": _number(now["target"]),
        "achievement": _number(kpi["achievement"]),
        "currentStanding": standing(kpi["achievement"]),
        "definitionVersion": kpi["basis"]["version"],
    }
    entity: dict[str, Any] = {
        "id": f"urn:ngsi-ld:KeyPerformanceIndicator:{quote(project['id'])}:{quote(kpi['id'])}:{year}",
        "type": TYPE,
    }
    for name, value in values.items():
        if value not in (None, ""):
            entity[CORE.expand(name)] = {"type": "Property", "value": value}
    return entity


def standing(achievement: Any) -> str | None:
    """The words of the data model, by per cent of the target."""
    if achievement is None:
        return None
    steps = ((100, "very good"), (80, "good"), (60, "fair"), (40, "bad"))
    return next((word for least, word in steps if achievement >= least), "very bad")


def _named(kpi: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name_ja": kpi["name_ja"],
        "name_en": kpi["name_en"],
        "unit_ja": kpi["unit_ja"],
        "version": kpi["basis"]["version"],
        "digest": kpi["basis"]["digest"],
    }


def _text(value: Any) -> str | None:
    """Decimals travel as text, so that nothing of them is lost."""
    return None if value is None else f"{value:f}" if not isinstance(value, int) else str(value)


def _number(value: Any) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)
