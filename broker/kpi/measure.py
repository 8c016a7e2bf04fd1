"""A measured KPI over the days of a year, from the roll-ups, or from the flows themselves (the reference)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from broker.store.usage_read import Keys, UsageReader
from schemas.kpi.definition import ADDITIVE, KpiDefinition, Measure, Source
from schemas.kpi.facts import Facts
from schemas.kpi.periods import Period
from schemas.kpi.project import Project
from schemas.kpi.series import Recount, Segment, Series, segments, series_of
from schemas.kpi.usage import Daily, Key, admits, capped, in_scope, items


async def measure(
    reader: UsageReader,
    keys: Keys,
    project: Project,
    versions: Sequence[KpiDefinition],
    period: Period,
    facts: Facts,
) -> Series:
    """From the roll-ups. Each day is counted as the version of that day says."""
    parts: list[tuple[Segment, list[Daily]]] = []
    for segment in segments(versions, period):
        one = segment.definition
        scope = in_scope(one.scope, project)
        sources = [source for source in (one.of, one.per) if source is not None]
        days = [await _daily(reader, keys, source, scope, segment.since, segment.until) for source in sources]
        parts.append((segment, days))
    return series_of(versions[-1], parts, project, facts)


async def recount(
    reader: UsageReader, project: Project, kpis: Sequence[Sequence[KpiDefinition]], period: Period, facts: Facts
) -> list[Series]:
    """The same from the flows, which are read once for all KPIs."""
    below = await reader.below()
    counting = Recount(project, kpis, period)
    async for piece in reader.uses(period.since, period.until, below):
        for key, request, time, entities, size in piece:
            # equal keys are one object, which the reader keeps
            counting.take(key, request, time, entities, size)
    return counting.series(facts)


async def read_facts(reader: UsageReader) -> Facts:
    facts = Facts()
    for kind, time, subject, body in await reader.told():
        facts.tell(kind, time, subject, body)
    return facts


async def _daily(
    reader: UsageReader, keys: Keys, source: Source, scope: Callable[[Key], bool], since: date, until: date
) -> Daily:
    if source.measure is Measure.ROLLOUTS:
        return {}
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
