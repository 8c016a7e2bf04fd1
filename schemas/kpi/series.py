"""A measured KPI over the days of a year, and the reference that makes it of the flows themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from schemas.kpi.definition import KpiDefinition, Source
from schemas.kpi.facts import Facts
from schemas.kpi.periods import Period
from schemas.kpi.project import Project
from schemas.kpi.usage import TOKYO, Daily, Key, Tally, in_scope, ratio, total


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


class Recount:
    """KPIs of a project over a period, counted from the flows themselves, in any order: `take` all, then `series`.

    `kpis`: of each its agreed versions, the oldest first.
    """

    def __init__(self, project: Project, kpis: Sequence[Sequence[KpiDefinition]], period: Period) -> None:
        self._project = project
        self._kpis = kpis
        self._parts = [
            [
                (s, [Tally(x, in_scope(s.definition.scope, project)) for x in _sources(s.definition)])
                for s in segments(versions, period)
            ]
            for versions in kpis
        ]
        self._wanted: dict[int, list[tuple[date, date, Tally]]] = {}

    def counts(self, key: Key) -> bool:
        """Whether flows of this key count for any of them. Equal keys are one object, which the caller keeps."""
        return bool(self._of(key))

    def take(self, key: Key, request: UUID, time: datetime, entities: int, size: int) -> None:
        parts = self._of(key)
        if parts:
            at = time.astimezone(TOKYO)
            day = at.date()
            for since, until, counter in parts:
                if since <= day < until:
                    counter.add(key, request, at, entities, size)

    def series(self, facts: Facts) -> list[Series]:
        return [
            series_of(
                versions[-1], [(s, [one.daily() for one in counters]) for s, counters in parts], self._project, facts
            )
            for versions, parts in zip(self._kpis, self._parts, strict=True)
        ]

    def _of(self, key: Key) -> list[tuple[date, date, Tally]]:
        parts = self._wanted.get(id(key))
        if parts is None:
            parts = self._wanted[id(key)] = [
                (segment.since, segment.until, counter)
                for versions in self._parts
                for segment, counters in versions
                for counter in counters
                if counter.counts(key)
            ]
        return parts


def _sources(one: KpiDefinition) -> list[Source]:
    return [source for source in (one.of, one.per) if source is not None]


def series_of(
    definition: KpiDefinition, parts: Iterable[tuple[Segment, Sequence[Daily]]], project: Project, facts: Facts
) -> Series:
    """Of each segment what its sources came to, with what `facts` say of it."""
    found: tuple[dict[date, Any], dict[date, Any]] = ({}, {})
    for segment, counted in parts:
        one = segment.definition
        for days, source, daily in zip(found, _sources(one), counted, strict=False):
            days.update(facts.apply(source, daily, one.scope, project, segment.since, segment.until))
    return Series(definition, found[0], found[1] if definition.per is not None else None)
