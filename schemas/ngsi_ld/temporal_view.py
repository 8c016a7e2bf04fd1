"""Temporal evolutions as they leave (clauses 4.5.6 to 4.5.9 and 4.5.19), and pages of them (clause 6.3.10). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas.errors import InvalidRequest
from schemas.ngsi_ld.concise import to_concise
from schemas.ngsi_ld.conformance import CURRENT, older
from schemas.ngsi_ld.rename import compact_entity
from schemas.ngsi_ld.representation import only_parts, project, strip_sys_attrs
from schemas.ngsi_ld.simplified import to_language
from schemas.ngsi_ld.temporal import INSTANCE, Form, TemporalQuery, Window
from schemas.ngsi_ld.temporal_aggregate import aggregate, instant
from schemas.ngsi_ld.walk import holder_of, uris

Entity = dict[str, Any]

_SERIES_OF: Final = {
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "JsonProperty": "jsons",
    "VocabProperty": "vocabs",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
}
_WRAPPED: Final = frozenset({"languageMap", "json", "vocab"})


@dataclass(frozen=True, slots=True)
class Point:
    """A stored instance. `at`: the time by which the window looked at it; the default dataset is ""."""

    attribute: str
    dataset: str
    name: UUID
    at: datetime
    created_at: datetime
    modified_at: datetime
    deleted_at: datetime | None
    body: dict[str, Any]
    foreign: bool = False
    """Of another platform: its instanceId, if it has one, is in the body."""
    static: bool = False
    """Of an attribute that has no evolution in time: it helps to decide which entities are meant, and is not told."""


@dataclass(frozen=True, slots=True)
class Head:
    """An entity that has an evolution. `types` are IRIs. `deleted_at`: when the entity ended, if it did."""

    id: str
    types: tuple[str, ...]
    created_at: datetime
    modified_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Of a page that is not everything (clause 6.3.10): from where to where it goes, in the direction of paging."""

    start: datetime
    end: datetime
    size: int | None

    @property
    def header(self) -> str:
        """The value of Content-Range. The unit is `date-time`, as brokers and the official tests have it."""
        return f"date-time {instant(self.start)}-{instant(self.end)}/{'*' if self.size is None else self.size}"


def cut(
    points: Mapping[str, Sequence[Point]], window: Window, most: int
) -> tuple[dict[str, list[Point]], Range | None]:
    """At most `most` instances of each entity, and one range of time for all of them; None if that is everything.

    `points` are in the direction of paging, and may go beyond `most`. What is of one instant stays together, so an
    entity with more than `most` at the first one gives them all.
    """
    ends = [_end(rows, most) for rows in points.values() if len(rows) > most]
    if not ends:
        return {name: list(rows) for name, rows in points.items()}, None
    end = max(ends) if window.backwards else min(ends)
    kept = {
        name: [p for p in rows if (p.at >= end if window.backwards else p.at <= end)] for name, rows in points.items()
    }
    times = [p.at for rows in kept.values() for p in rows]
    if window.backwards:
        return kept, Range(window.until or max(times), min(times), window.last_n)
    return kept, Range(window.since or min(times), max(times), None)


def _end(rows: Sequence[Point], most: int) -> datetime:
    """The last instant that a page of `most` has whole; the first one if not even that fits."""
    beyond = rows[most].at
    whole = [p.at for p in rows[:most] if p.at != beyond]
    return whole[-1] if whole else beyond


def evolution(head: Head, points: Sequence[Point], *, sys_attrs: bool) -> Entity:
    """The normalized form with names as IRIs, instances in ascending order of time."""
    types = list(head.types)
    made: Entity = {"id": head.id, "type": types[0] if len(types) == 1 else types}
    if sys_attrs:
        made |= {"createdAt": instant(head.created_at), "modifiedAt": instant(head.modified_at)}
        if head.deleted_at is not None:
            made["deletedAt"] = instant(head.deleted_at)
    for point in sorted(points, key=lambda p: (p.at, p.name.bytes)):
        made.setdefault(point.attribute, []).append(_body(point, sys_attrs))
    return made


def present(head: Head, points: Sequence[Point], absent: Sequence[tuple[str, str]], query: TemporalQuery) -> Entity:
    """As the query wants it, in its context. `absent`: attributes (IRI, type) that have no instance on this page.

    Raises InvalidRequest for an attribute that was asked for and that no aggregation method fits.
    """
    normalized = evolution(head, points, sys_attrs=query.sys_attrs)
    for name, _ in absent:
        normalized.setdefault(name, [])
    entity = compact_entity(normalized, query.context)
    kept = project(entity, query.attrs, query.pick, query.omit)
    if query.parts is not None:
        kept = only_parts(kept, query.parts)
    if query.lang:
        kept = to_language(kept, query.lang)
    if query.version < CURRENT:
        kept = {name: _conforming(name, member, query) for name, member in kept.items()}
    if query.form in (Form.NORMALIZED, Form.CONCISE):
        return to_concise(kept) if query.form is Form.CONCISE else kept
    times = _times(points)
    kinds = dict(absent)
    made: Entity = {}
    for name, iri in zip(entity, normalized, strict=True):
        if name not in kept:
            continue
        if not isinstance(normalized[iri], list) or iri in ("id", "type"):
            made[name] = kept[name]
            continue
        timed = list(zip(times.get(iri, ()), kept[name], strict=True))
        if query.form is Form.VALUES:
            made[name] = _values(timed, query.window, kinds.get(iri, "Property"))
        elif (found := _aggregated(name, timed, query)) is not None:
            made[name] = found
    return made


def _conforming(name: str, member: Any, query: TemporalQuery) -> Any:
    """Each instance in the terms of the version that the query prefers; an array of them is no set of datasets."""
    return [older({name: one}, query.version)[name] for one in member] if isinstance(member, list) else member


def _times(points: Sequence[Point]) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for point in sorted(points, key=lambda p: (p.at, p.name.bytes)):
        found.setdefault(point.attribute, []).append(point.at)
    return found


def _body(point: Point, sys_attrs: bool) -> Entity:
    body = point.body if sys_attrs else strip_sys_attrs({point.attribute: point.body})[point.attribute]
    made = dict(body) if point.foreign else {**body, "instanceId": f"{INSTANCE}{point.name}"}
    if point.dataset:
        made["datasetId"] = point.dataset
    if point.deleted_at is not None:
        made["deletedAt"] = instant(point.deleted_at)
    if sys_attrs:
        made |= {"createdAt": instant(point.created_at), "modifiedAt": instant(point.modified_at)}
    return made


_Timed = tuple[datetime, dict[str, Any]]


def _values(timed: Sequence[_Timed], window: Window, kind: str) -> Any:
    """Clause 4.5.9: pairs of a value and its time, apart by dataset."""
    if not timed:
        return {"type": kind, _SERIES_OF.get(kind, "values"): []}
    return _each_dataset(timed, lambda rows: _series(rows, window))


def _series(timed: Sequence[_Timed], window: Window) -> Entity:
    kind = str(timed[-1][1].get("type", "Property"))
    pairs = []
    for at, body in timed:
        observed = body.get("observedAt") if window.looked_at in ("observedAt", None) else None
        pairs.append([_simple(body), observed or instant(at)])
    return {"type": kind, _SERIES_OF.get(kind, "values"): pairs}


def _simple(body: Entity) -> Any:
    holder = holder_of(body)
    if holder is None:
        return None
    value = body[holder]
    if holder in _WRAPPED:
        return {holder: value}
    return uris(value) if holder == "objectList" else value


def _plain(body: Entity) -> Any:
    holder = holder_of(body)
    return uris(body[holder]) if holder == "objectList" else body.get(holder or "value")


def _aggregated(name: str, timed: Sequence[_Timed], query: TemporalQuery) -> Any:
    """None if no method fits and nobody asked for this attribute."""
    alive = [(at, body) for at, body in timed if "deletedAt" not in body]
    if not alive or query.aggregation is None or name == "scope":
        return None
    made = _each_dataset(alive, lambda rows: _aggregate(rows, query))
    if any(len(one) > 1 for one in (made if isinstance(made, list) else [made])):
        return made
    if name in (query.attrs or query.pick):
        raise InvalidRequest(
            "none of the aggregation methods fits the values of this attribute", field="aggrMethods", value=name,
            clause="5.7.4.4",
        )  # fmt: skip
    return None


def _aggregate(timed: Sequence[_Timed], query: TemporalQuery) -> Entity:
    kind = str(timed[-1][1].get("type", "Property"))
    values = [(at, _plain(body)) for at, body in timed]
    window, wanted = query.window, query.aggregation
    if wanted is None:
        return {"type": kind}
    found = aggregate(values, wanted, since=window.since, until=window.until, kind=kind)
    return {"type": kind, **found}


def _each_dataset(timed: Sequence[_Timed], shape: Any) -> Any:
    """One object, or an array of them where there are several datasets."""
    groups: dict[str, list[_Timed]] = {}
    for at, body in timed:
        groups.setdefault(str(body.get("datasetId", "")), []).append((at, body))
    made = []
    for dataset, rows in groups.items():
        one = shape(rows)
        made.append({"type": one["type"], "datasetId": dataset, **one} if dataset else one)
    return made[0] if len(made) == 1 else made
