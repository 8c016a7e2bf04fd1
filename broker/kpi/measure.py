"""A measured KPI over the days of a year, from the roll-ups, or from the flows themselves (the reference)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from broker.store.usage_read import Keys, UsageReader
from schemas.kpi.definition import ADDITIVE, KpiDefinition, Measure, Source
from schemas.kpi.periods import Period
from schemas.kpi.project import Project
from schemas.kpi.usage import TOKYO, Daily, Key, Tally, admits, capped, in_scope, items, ratio, total


@dataclass(frozen=True, slots=True)
class Figure:
    """`of` and `per`: what was counted; `value`: what the KPI is. None: not to be said, as of a ratio to nothing."""

    value: Decimal | None
    of: int | None = None
    per: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A KPI's counts by day, of which every period's figure is made."""

    definition: KpiDefinition
    of: Daily
    per: Daily | None

    def figure(self, period: Period, until: date | None = None) -> Figure:
        """Of a period, as far as the day before `until`."""
        one = self.definition
        end = period.until if until is None else min(period.until, until)
        of = 0 if one.of is None else total(one.of.measure, self.of, period.since, end)
        if one.per is None or self.per is None:
            return Figure(Decimal(of), of)
        per = total(one.per.measure, self.per, period.since, end)
        return Figure(ratio(of, per, one.scale, one.decimals), of, per)


@dataclass(frozen=True, slots=True)
class Segment:
    """Days on which one version decides."""

    definition: KpiDefinition
    since: date
    until: date


def segments(versions: Sequence[KpiDefinition], period: Period) -> list[Segment]:
    """`versions`: the agreed ones, the oldest first. Each decides from its `valid_from` until the next one does."""
    starts = [min(max(period.since, one.valid_from or period.since), period.until) for one in versions]
    bounds = [*starts, period.until]
    return [
        Segment(one, since, until)
        for one, (since, until) in zip(versions, pairwise(bounds), strict=True)
        if since < until
    ]


async def measure(
    reader: UsageReader, keys: Keys, project: Project, versions: Sequence[KpiDefinition], period: Period
) -> Series:
    """From the roll-ups. Each day is counted as the version of that day says."""
    of: dict[date, Any] = {}
    per: dict[date, Any] = {}
    for segment in segments(versions, period):
        scope = in_scope(segment.definition.scope, project)
        for source, daily in ((segment.definition.of, of), (segment.definition.per, per)):
            if source is not None:
                daily.update(await _daily(reader, keys, source, scope, segment.since, segment.until))
    return Series(versions[-1], of, per if versions[-1].per is not None else None)


async def recount(
    reader: UsageReader, project: Project, kpis: Sequence[Sequence[KpiDefinition]], period: Period
) -> list[Series]:
    """The same from the flows, which are read once for all KPIs."""
    below = await reader.below()
    tallies = [
        [
            (s.since, s.until, [Tally(x, in_scope(s.definition.scope, project)) for x in _sources(s.definition)])
            for s in segments(versions, period)
        ]
        for versions in kpis
    ]
    wanted: dict[int, list[tuple[date, date, Tally]]] = {}
    async for piece in reader.uses(period.since, period.until, below):
        for key, request, time, entities, size in piece:
            # equal keys are one object, which the reader keeps
            parts = wanted.get(id(key))
            if parts is None:
                parts = wanted[id(key)] = [
                    (since, until, counter)
                    for versions in tallies
                    for since, until, counters in versions
                    for counter in counters
                    if counter.counts(key)
                ]
            if parts:
                at = time.astimezone(TOKYO)
                day = at.date()
                for since, until, counter in parts:
                    if since <= day < until:
                        counter.add(key, request, at, entities, size)
    return [_series(versions[-1], parts) for versions, parts in zip(kpis, tallies, strict=True)]


def _sources(one: KpiDefinition) -> list[Source]:
    return [source for source in (one.of, one.per) if source is not None]


def _series(definition: KpiDefinition, parts: list[tuple[date, date, list[Tally]]]) -> Series:
    of: dict[date, Any] = {}
    per: dict[date, Any] = {}
    for _, _, counters in parts:
        of.update(counters[0].daily())
        if len(counters) > 1:
            per.update(counters[1].daily())
    return Series(definition, of, per if definition.per is not None else None)


async def _daily(
    reader: UsageReader, keys: Keys, source: Source, scope: Callable[[Key], bool], since: date, until: date
) -> Daily:
    admitted = admits(source.filter)
    chosen = {i: key for i, key in keys.keys.items() if admitted(key) and scope(key)}
    if source.measure is Measure.REQUESTS:
        return await _requests(reader, keys, chosen, source, since, until)
    if source.measure in ADDITIVE:
        rows = await reader.sums(source.measure.value, list(chosen), since, until)
        return _capped(((day, chosen[i].service, amount) for day, i, amount in rows), source.cap_per_day)
    found: dict[date, set[Any]] = {}
    for i, days in await reader.days(list(chosen), since, until):
        for day in days:
            things = (day,) if source.measure is Measure.DAYS else items(source.measure, chosen[i])
            found.setdefault(day, set()).update(things)
    return found


async def _requests(
    reader: UsageReader, keys: Keys, chosen: dict[int, Key], source: Source, since: date, until: date
) -> Daily:
    """Requests of which at least one flow counts, by service, within the windows."""
    groups: dict[Any, int] = {}
    sets: list[int] = []
    numbers: list[int] = []
    seen: set[int] = set()
    for i, key in chosen.items():
        fresh = [keyset for keyset in keys.sets_of.get(i, ()) if keyset not in seen]
        if fresh:
            group = (key.service, frozenset(key.types) if source.window_minutes else None)
            number = groups.setdefault(group, len(groups))
            seen.update(fresh)
            sets += fresh
            numbers += [number] * len(fresh)
    services = [service for service, _ in groups]
    rows = await reader.requests(sets, numbers, since, until, source.window_minutes)
    return _capped(((day, services[group], count) for day, group, count in rows), source.cap_per_day)


def _capped(rows: Iterable[tuple[date, str, int]], cap: int | None) -> Daily:
    by_day: dict[date, dict[str, int]] = {}
    for day, service, count in rows:
        by_service = by_day.setdefault(day, {})
        by_service[service] = by_service.get(service, 0) + count
    return {day: capped(by.values(), cap) for day, by in by_day.items()}
