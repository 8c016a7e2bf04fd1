"""Data quality: traffic that looks as if it were there for the figure's sake. Indications for people, no verdicts.

What each KPI counts is decided by its definition alone; this only lists what a reader of the figures should know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from schemas.flow import NO_SERVICES
from schemas.kpi.usage import TOKYO, Key

POLLING_MINUTES, POLLING_HOURS = 50, 12
BURST_REQUESTS, BURST_MINUTES = 60, 5
NIGHT_SHARE, NIGHT_LEAST = 0.8, 100
OWN_SHARE = 0.5
REPLAY_LEAST = 10
SHARING_HOURS, SHARING_PART = 20, 0.25
_NIGHT = range(5)


@dataclass(frozen=True, slots=True)
class Finding:
    """`sign`: a key of the texts (`quality.…`); `times`: how often; `first`, `last`: days of Tokyo."""

    sign: str
    service: str
    times: int
    requests: int
    first: date
    last: date

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"first": self.first.isoformat(), "last": self.last.isoformat()}


Hour = tuple[datetime, int, int, int]
"""Hour, set of keys, requests, mask of the minutes."""


class _Signs:
    """Collects per service and sign."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[tuple[date, int]]] = defaultdict(list)

    def add(self, sign: str, service: str, day: date, requests: int) -> None:
        self._found[service, sign].append((day, requests))

    def findings(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(sign, service, len(seen), sum(n for _, n in seen), min(d for d, _ in seen), max(d for d, _ in seen))
            for (service, sign), seen in sorted(self._found.items())
        )


def look(hours: Iterable[Hour], keys: Mapping[int, Key], sets: Mapping[int, tuple[int, ...]]) -> tuple[Finding, ...]:
    """Of registered services. Pure; `hours` as `UsageReader.busy_hours` gives them."""
    common: dict[int, Key] = {}
    per_hour: dict[tuple[str, datetime], list[tuple[int, int, int]]] = defaultdict(list)
    for hour, keyset, requests, minutes in hours:
        key = common.get(keyset) or _common([keys[m] for m in sets.get(keyset, ()) if m in keys])
        if key is not None:
            common[keyset] = key
        if key is not None and key.service not in NO_SERVICES:
            per_hour[key.service, hour.astimezone(TOKYO)].append((keyset, requests, minutes))
    signs = _Signs()
    days: dict[tuple[str, date], _Day] = defaultdict(_Day)
    for (service, hour), rows in sorted(per_hour.items()):
        day = days[service, hour.date()]
        day.take(hour, rows, common, keys, sets)
        interactive = [(n, m) for i, n, m in rows if not common[i].batch]
        requests, minutes = sum(n for n, _ in interactive), _union(m for _, m in interactive)
        if requests >= BURST_REQUESTS and minutes.bit_count() <= BURST_MINUTES:
            signs.add("batch_as_interactive", service, hour.date(), requests)
    nights: dict[str, list[tuple[date, int, int]]] = defaultdict(list)
    for (service, at), day in sorted(days.items()):
        day.judge(signs, service, at)
        nights[service].append((at, day.at_night, day.interactive))
    for service, seen in nights.items():
        at_night, whole = sum(n for _, n, _ in seen), sum(n for _, _, n in seen)
        if whole >= NIGHT_LEAST and at_night >= NIGHT_SHARE * whole:
            signs.add("night_only", service, seen[0][0], at_night)
    return signs.findings()


def hours_of(
    uses: Mapping[tuple[UUID, datetime], tuple[int, Iterable[Key]]],
) -> tuple[list[Hour], dict[int, Key], dict[int, tuple[int, ...]]]:
    """What `look` takes, from the flows: by request and hour (UTC), the mask of its minutes and its flows' keys."""
    numbers: dict[Key, int] = {}
    sets: dict[frozenset[int], int] = {}
    found: dict[tuple[datetime, int], tuple[int, int]] = {}
    for (_, hour), (minutes, keys) in uses.items():
        members = frozenset(numbers.setdefault(key, len(numbers)) for key in keys)
        keyset = sets.setdefault(members, len(sets))
        count, mask = found.get((hour, keyset), (0, 0))
        found[hour, keyset] = (count + 1, mask | minutes)
    return (
        [(hour, keyset, count, mask) for (hour, keyset), (count, mask) in sorted(found.items())],
        {number: key for key, number in numbers.items()},
        {number: tuple(sorted(members)) for members, number in sets.items()},
    )


def _common(keys: list[Key]) -> Key | None:
    """What a request's flows say of it together: they differ in their source, and after a correction in `batch`."""
    if len(keys) < 2:
        return keys[0] if keys else None
    types = sorted({name for key in keys for name in key.types})
    return replace(keys[0], batch=all(key.batch for key in keys), types=tuple(types))


class _Day:
    """One service on one day of Tokyo."""

    def __init__(self) -> None:
        self.polling: dict[frozenset[str], int] = defaultdict(int)
        self.by_types: dict[frozenset[str], int] = defaultdict(int)
        self.hours: dict[frozenset[str], set[int]] = defaultdict(set)
        self.requests = self.interactive = self.at_night = self.own = self.replays = 0

    def take(
        self,
        hour: datetime,
        rows: list[tuple[int, int, int]],
        first: Mapping[int, Key],
        keys: Mapping[int, Key],
        sets: Mapping[int, tuple[int, ...]],
    ) -> None:
        masks: dict[frozenset[str], int] = defaultdict(int)
        for keyset, requests, minutes in rows:
            key = first[keyset]
            types = frozenset(key.types)
            self.requests += requests
            self.by_types[types] += requests
            self.hours[types].add(hour.hour)
            if key.replay:
                self.replays += requests
            if not key.batch:
                masks[types] |= minutes
                self.interactive += requests
                self.at_night += requests if hour.hour in _NIGHT else 0
            members = [keys[m] for m in sets[keyset] if m in keys and keys[m].used]
            if members and not any(one.cross_area for one in members):
                self.own += requests
        for types, mask in masks.items():
            self.polling[types] += mask.bit_count() >= POLLING_MINUTES

    def judge(self, signs: _Signs, service: str, day: date) -> None:
        for types, hours in self.polling.items():
            if hours >= POLLING_HOURS:
                signs.add("polling", service, day, self.by_types[types])
        if self.own and self.own > OWN_SHARE * self.requests:
            signs.add("own_area", service, day, self.own)
        if self.replays >= REPLAY_LEAST:
            signs.add("replays", service, day, self.replays)
        # two programs behind one key: both awake around the clock, neither asking for what the other asks for
        around = [t for t, hours in self.hours.items() if len(hours) >= SHARING_HOURS]
        large = [t for t in around if self.by_types[t] >= SHARING_PART * self.requests]
        if any(a.isdisjoint(b) for n, a in enumerate(large) for b in large[n + 1 :] if a and b):
            signs.add("shared_key", service, day, self.requests)


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
