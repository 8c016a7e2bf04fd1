"""Which sources can hold something that a query asks for (clauses 5.12, 4.3.6.1). Pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from broker.registry.source import Source
from schemas.ngsi_ld.geo import Bounds
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.operations import PROVISION, QUERYING, RETRIEVING
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.temporal import Window
from schemas.platform import EntityPattern


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why a source was taken or left, for explain."""

    source: Source
    matches: bool
    reason: str = ""


def wanted_types(query: EntityQuery) -> frozenset[str] | None:
    """The type IRIs one of which an entity must have; None if any will do."""
    if query.types is None:
        return None
    return frozenset(query.context.expand(name) for name in query.types.names)


def judge(source: Source, query: EntityQuery, types: frozenset[str] | None) -> str:
    """The reason why this source can hold nothing of the query; empty if it may."""
    if source.limited and (reason := _limits(source, query)):
        return reason
    return _of_coverage(source, query, types)


def judge_past(source: Source, query: EntityQuery, types: frozenset[str] | None, window: Window) -> str:
    """The same of a question about the past (clauses 5.7.3, 5.7.4): evolutions are asked of registrations that offer
    it, or that are for them alone; of platforms that were registered as such wherever they have any."""
    platform = source.platform
    if source.ends is not None and source.ends <= time():
        return "its registration has expired"
    said = platform.coverage.registration
    if said is not None:
        operation = "retrieveTemporal" if query.retrieve else "queryTemporal"
        if not platform.distribution.temporal and operation not in source.operations:
            return "its registration does not offer the operation"
        if not _reaches(said, window):
            return "its registration covers another time"
        if _other_datasets(source, query):
            return "its registration is for other datasets"
    return _of_coverage(source, query, types)


def _reaches(said: Mapping[str, Any], window: Window) -> bool:
    """Whether the interval of a registration and the window have a time in common (clauses 5.2.11, 5.12)."""
    interval = said.get("observationInterval" if window.looked_at in (None, "observedAt") else "managementInterval")
    if not isinstance(interval, dict):
        return True
    start, end = (read_datetime(str(interval.get(name))) for name in ("startAt", "endAt"))
    before = start is not None and window.until is not None and start >= window.until
    return not before and not (end is not None and window.since is not None and end < window.since)


def reaches(source: Source, query: EntityQuery, types: frozenset[str] | None) -> bool:
    """Whether this source is registered for something of the query, whichever operations it offers."""
    return not _of_coverage(source, query, types)


def _of_coverage(source: Source, query: EntityQuery, types: frozenset[str] | None) -> str:
    coverage = source.platform.coverage
    if coverage.entities and not any(_fits(p, query, types) for p in coverage.entities):
        return "its registration covers other types or ids"
    if coverage.attributes and (query.attrs or query.pick):
        names = _looked_at(query)
        if names and names.isdisjoint(coverage.attributes):
            return "its registration covers other attributes"
    if source.bounds is not None and _apart(source.bounds, query):
        return "its area lies outside the geometry asked for"
    return ""


def _limits(source: Source, query: EntityQuery) -> str:
    """What a registration says beside what it covers (clauses 4.20, 5.2.9)."""
    platform = source.platform
    if source.ends is not None and source.ends <= time():
        return "its registration has expired"
    if platform.distribution.temporal:
        return "its registration is for temporal evolutions only"
    if source.operations.isdisjoint(RETRIEVING if query.retrieve else QUERYING):
        return "its registration does not offer the operation"
    if _other_datasets(source, query):
        return "its registration is for other datasets"
    scope = (platform.coverage.registration or {}).get("scope")
    if query.scope is not None and scope is not None and not query.scope.matches(scope):
        return "its registration is for other scopes"
    return ""


def _other_datasets(source: Source, query: EntityQuery) -> bool:
    """Both name datasets, and none in common (clause 5.12)."""
    held = source.platform.distribution.datasets
    return bool(held and query.datasets) and held.isdisjoint(query.datasets)


def _looked_at(query: EntityQuery) -> set[str]:
    """IRIs of the attributes that the answer shows or a filter needs: they may come from different sources."""
    names = {n for n in (*query.attrs, *query.pick) if n not in ("id", "type", "scope")}
    if query.q is not None:
        names |= query.q.attributes
    if query.geo is not None:
        names.add(query.geo.geoproperty)
    return set(map(query.context.expand, names))


def _fits(pattern: EntityPattern, query: EntityQuery, types: frozenset[str] | None) -> bool:
    if types is not None and pattern.type is not None and pattern.type not in types:
        return False
    if query.ids:
        if pattern.id is not None:
            return pattern.id in query.ids
        if pattern.id_pattern is not None:
            compiled = compile_pattern(pattern.id_pattern)
            return any(compiled.found_in(i) for i in query.ids)
    elif query.id_pattern is not None and pattern.id is not None:
        return compile_pattern(query.id_pattern).found_in(pattern.id)
    return True


def _apart(box: Bounds, query: EntityQuery) -> bool:
    geo = query.geo
    if geo is None or geo.geoproperty != "location" or geo.bbox is None:
        return False
    west, south, east, north = geo.bbox
    return east < box[0] or west > box[2] or north < box[1] or south > box[3]


class SourceIndex:
    """Sources of one tenant, by the types that they cover, so that a match does not walk over all of them."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.all: tuple[Source, ...] = tuple(sorted(sources, key=lambda s: s.id))
        self.writable: tuple[Source, ...] = tuple(
            s for s in self.all if s.network and (s.platform.proxied or not PROVISION.isdisjoint(s.operations))
        )
        self.proxied: tuple[Source, ...] = tuple(s for s in self.all if s.network and s.platform.proxied)
        self._by_type: dict[str, list[Source]] = {}
        self._any: list[Source] = []
        for source in self.all:
            types = {p.type for p in source.platform.coverage.entities}
            if not types or None in types:
                self._any.append(source)
            else:
                for type_ in types:
                    if type_ is not None:
                        self._by_type.setdefault(type_, []).append(source)

    def candidates(self, types: frozenset[str] | None) -> list[Source]:
        """Sources that may hold one of the types, in order of id."""
        if types is None:
            return list(self.all)
        if len(types) == 1:
            (only,) = types
            found = self._by_type.get(only, ())
            if not self._any:
                return list(found)
            return sorted((*self._any, *found), key=lambda s: s.id)
        chosen = {s.id: s for s in self._any}
        for type_ in types:
            for source in self._by_type.get(type_, ()):
                chosen[source.id] = source
        return [chosen[k] for k in sorted(chosen)]

    def match(self, query: EntityQuery) -> list[Source]:
        """The sources to plan for, in order of id."""
        types = wanted_types(query)
        return [s for s in self.candidates(types) if not judge(s, query, types)]

    def judge_all(self, query: EntityQuery) -> list[Judgement]:
        """Every source with the reason why it was left out."""
        types = wanted_types(query)
        judged = []
        for source in self.all:
            reason = judge(source, query, types)
            judged.append(Judgement(source, not reason, reason))
        return judged


EMPTY = SourceIndex(())
__all__ = ["EMPTY", "Judgement", "SourceIndex", "judge", "judge_past", "wanted_types"]
