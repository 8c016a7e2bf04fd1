"""From uses to a figure, a day of Tokyo at a time: what counts, and how days make up a month or a year.

The same few functions serve the roll-ups and the flows themselves, so that a figure can be had both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from schemas.flow import NO_SERVICES
from schemas.kpi.definition import ADDITIVE, Filter, Measure, Scope, Source, Traffic
from schemas.kpi.project import Project

TOKYO = timezone(timedelta(hours=9))
"""Without daylight saving time since 1951, so that a fixed offset is exact, and quick."""

Daily = Mapping[date, Any]
"""Day of Tokyo → a number (additive measures) or a set of what was there (distinct ones)."""


@dataclass(frozen=True, slots=True)
class Key:
    """What flows have in common that a figure can filter by."""

    service: str
    organisation: str | None
    project: str | None
    consumer_area: str | None
    batch: bool
    platform: str
    provider_organisation: str | None
    provider_area: str | None
    cross_area: bool
    types: tuple[str, ...]
    operation: str
    delivered: bool
    replay: bool

    @property
    def used(self) -> bool:
        """It is a use: something was delivered, and no earlier request is repeated."""
        return self.delivered and not self.replay


def in_scope(scope: Scope, project: Project) -> Callable[[Key], bool]:
    services, areas = frozenset(project.services), frozenset(project.areas)
    if scope is Scope.CONSUMER:
        return lambda key: key.project == project.id or key.service in services
    if scope is Scope.PROVIDER:
        return lambda key: key.provider_area in areas
    return lambda key: True


def admits(where: Filter) -> Callable[[Key], bool]:
    """Whether a key's flows count."""
    among: list[tuple[str, frozenset[str]]] = [
        (name, frozenset(chosen))
        for name, chosen in (
            ("service", where.services),
            ("organisation", where.consumer_organisations),
            ("consumer_area", where.consumer_areas),
            ("platform", where.platforms),
            ("provider_organisation", where.provider_organisations),
            ("provider_area", where.provider_areas),
            ("operation", where.operations),
        )
        if chosen
    ]
    types = frozenset(where.types)
    without = frozenset(where.exclude_services) | (frozenset(NO_SERVICES) if where.registered_only else frozenset())
    without_platforms = frozenset(where.exclude_platforms)
    batch = {Traffic.ANY: None, Traffic.INTERACTIVE: False, Traffic.BATCH: True}[where.traffic]

    def admitted(key: Key) -> bool:
        return (
            key.used
            and key.service not in without
            and key.platform not in without_platforms
            and (batch is None or key.batch is batch)
            and (key.cross_area or not where.cross_area_only)
            and (not types or not types.isdisjoint(key.types))
            and all(getattr(key, name) in chosen for name, chosen in among)
        )

    return admitted


def items(measure: Measure, key: Key) -> Iterable[Hashable]:
    """What a key adds to a distinct count."""
    if measure is Measure.SERVICES:
        return (key.service,)
    if measure is Measure.PROVIDERS:
        return (key.platform,)
    if measure is Measure.TYPES:
        return key.types
    if measure is Measure.ASSETS:
        return [(key.platform, name) for name in key.types] or [(key.platform, None)]
    if measure is Measure.AREA_PAIRS:
        return ((key.provider_area, key.consumer_area),)
    return ()


def total(measure: Measure, daily: Daily, since: date, until: date) -> int:
    """The count of the days from `since` on and before `until`."""
    within = [value for day, value in daily.items() if since <= day < until]
    if measure in ADDITIVE:
        return sum(within)
    if measure is Measure.DAYS:
        return sum(1 for value in within if value)
    found: set[Any] = set().union(*within)
    if measure is Measure.ASSETS:
        typed = {platform for platform, name in found if name is not None}
        return sum(1 for platform, name in found if name is not None or platform not in typed)
    return len(found)


def ratio(of: int, per: int, scale: int, decimals: int) -> Decimal | None:
    """None for a ratio to nothing."""
    if per == 0:
        return None
    return (Decimal(of) * scale / Decimal(per)).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


class Tally:
    """The reference: a source counted from the flows themselves, in any order."""

    def __init__(self, source: Source, scope: Callable[[Key], bool]) -> None:
        self._source = source
        self._scope = scope
        self._admits = admits(source.filter)
        self._seen: dict[date, dict[str, set[Hashable]]] = {}
        """Requests: by day and service, the requests or the windows that count."""
        self._sums: dict[date, dict[str, int]] = {}
        self._sets: dict[date, set[Hashable]] = {}

    def counts(self, key: Key) -> bool:
        """Whether flows of this key do; `add` takes no others."""
        return self._source.measure is not Measure.ROLLOUTS and self._scope(key) and self._admits(key)

    def add(self, key: Key, request: UUID, at: datetime, entities: int, size: int) -> None:
        """A flow that counts; `at` is its time in Tokyo."""
        day, measure = at.date(), self._source.measure
        if measure is Measure.REQUESTS:
            window = self._source.window_minutes
            one: UUID | tuple[object, ...] = request
            if window:
                one = (frozenset(key.types), (at.hour * 60 + at.minute) // window)
            self._seen.setdefault(day, {}).setdefault(key.service, set()).add(one)
        elif measure in ADDITIVE:
            by_service = self._sums.setdefault(day, {})
            by_service[key.service] = by_service.get(key.service, 0) + (
                entities if measure is Measure.ENTITIES else size
            )
        else:
            self._sets.setdefault(day, set()).update(items(measure, key) if measure is not Measure.DAYS else (day,))

    def daily(self) -> Daily:
        cap = self._source.cap_per_day
        if self._source.measure is Measure.REQUESTS:
            counts = {day: {s: len(ones) for s, ones in by.items()} for day, by in self._seen.items()}
        else:
            counts = self._sums
        if self._source.measure in ADDITIVE:
            return {day: capped(by.values(), cap) for day, by in counts.items()}
        return self._sets


def capped(by_service: Iterable[int], cap: int | None) -> int:
    return sum(by_service) if cap is None else sum(min(count, cap) for count in by_service)
