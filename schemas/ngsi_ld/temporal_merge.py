"""Evolutions of several platforms as one (clauses 4.5.5, 5.7.3, 5.7.4). Pure.

What a platform sends is taken apart into points, as the local store keeps them; then filters, lastN, aggregation and
paging see the instances of all platforms at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.temporal import INSTANCE, Window
from schemas.ngsi_ld.temporal_view import Head, Point

Entity = dict[str, Any]
_APART: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "datasetId"})


@dataclass(frozen=True, slots=True)
class History:
    """The evolution of an entity, or what one platform has of it."""

    head: Head
    points: Sequence[Point]
    told: frozenset[str] = frozenset()
    """Attributes that it has, though maybe no instance of them here."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """Some histories. `until`: in the direction of paging they have everything up to this instant, and it included;
    None: everything."""

    histories: Sequence[History]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What one source gave. `auxiliary`: it only adds what no other has (clause 4.3.6.3)."""

    histories: Sequence[History]
    auxiliary: bool = False


def read_history(entity: Entity, window: Window) -> History:
    """A normalized evolution with names as IRIs, as a platform sends it with sysAttrs. Instances outside the window,
    and members that are no instances, are left out: a platform may not have looked at what it was asked."""
    points = [point for name, member in entity.items() for point in _points(name, member, window)]
    times = [point.created_at for point in points] or [datetime.fromtimestamp(0, UTC)]
    return History(
        Head(
            str(entity["id"]),
            tuple(sorted(types_of(entity))),
            _instant(entity, "createdAt") or min(times),
            _instant(entity, "modifiedAt") or max(times),
            _instant(entity, "deletedAt"),
        ),
        points,
        frozenset() if window.datasets else frozenset(name for name in entity if name not in ENTITY_MEMBERS),
    )


def merged(shares: Iterable[Share]) -> dict[str, History]:
    """By id, in order of it. `shares` in order of the registrations' ids.

    An instance that several sources give is one: known by its instanceId, by its time and content, or by the instant at
    which it was observed, at which an attribute of one dataset has one value (4.5.5). The latest modified is taken.
    """
    found: dict[str, _Merging] = {}
    ordered = sorted(shares, key=lambda share: share.auxiliary)
    for share in ordered:
        given: dict[str, list[History]] = {}
        for history in share.histories:
            given.setdefault(history.head.id, []).append(history)
        for name, histories in given.items():
            found.setdefault(name, _Merging()).add(histories, auxiliary=share.auxiliary)
    return {name: found[name].history for name in sorted(found)}


def latest(points: Sequence[Point], last_n: int | None) -> list[Point]:
    """Of each attribute the last `last_n`; all if that is None."""
    if last_n is None:
        return list(points)
    kept: list[Point] = []
    count: dict[str, int] = {}
    for point in sorted(points, key=_moment, reverse=True):
        count[point.attribute] = count.get(point.attribute, 0) + 1
        if count[point.attribute] <= last_n:
            kept.append(point)
    return kept


def directed(points: Iterable[Point], window: Window, until: datetime | None) -> list[Point]:
    """In the direction of paging, and not beyond what all sources have told."""
    rows = sorted(points, key=_moment, reverse=window.backwards)
    if until is None:
        return rows
    return [p for p in rows if (p.at >= until if window.backwards else p.at <= until)]


class _Merging:
    """One entity on its way; instances of the sources that come first are known to those that follow."""

    def __init__(self) -> None:
        self._heads: list[Head] = []
        self._points: dict[UUID, Point] = {}
        self._contents: set[tuple[Any, ...]] = set()
        self._times: set[tuple[str, str, datetime]] = set()
        self._observed: dict[tuple[str, str, datetime], UUID] = {}
        self._told: set[str] = set()

    def add(self, histories: Sequence[History], *, auxiliary: bool) -> None:
        """What one source has; it may have told it in several pieces."""
        self._heads += [history.head for history in histories]
        self._told.update(*(history.told for history in histories))
        fresh: dict[UUID, Point] = {}
        for point in (point for history in histories for point in history.points):
            known = self._points.get(point.name)
            if known is not None:
                if point.modified_at > known.modified_at and not auxiliary:
                    self._points[point.name] = point
            elif _slot(point) in self._observed and _is_observed(point):
                self._supersede(point, auxiliary=auxiliary)
            elif _content(point) not in self._contents and not (auxiliary and _slot(point) in self._times):
                fresh[point.name] = point
        self._points |= fresh
        self._contents.update(map(_content, fresh.values()))
        self._times.update(map(_slot, fresh.values()))
        self._observed |= {_slot(point): name for name, point in fresh.items() if _is_observed(point)}

    def _supersede(self, point: Point, *, auxiliary: bool) -> None:
        """Take it in place of what another source has of the same instant, if it was modified later."""
        slot = _slot(point)
        name = self._observed[slot]
        if not auxiliary and point.modified_at > self._points[name].modified_at:
            del self._points[name]
            self._points[point.name] = point
            self._observed[slot] = point.name

    @property
    def _deleted_at(self) -> datetime | None:
        """As long as one source still has the entity, it is there."""
        ends = [head.deleted_at for head in self._heads if head.deleted_at is not None]
        return max(ends) if len(ends) == len(self._heads) else None

    @property
    def history(self) -> History:
        first = self._heads[0]
        head = replace(
            first,
            types=tuple(sorted({name for head in self._heads for name in head.types})),
            created_at=min(head.created_at for head in self._heads),
            modified_at=max(head.modified_at for head in self._heads),
            deleted_at=self._deleted_at,
        )
        return History(head, sorted(self._points.values(), key=_moment), frozenset(self._told))


def _points(name: str, member: Any, window: Window) -> Iterator[Point]:
    if name in ENTITY_MEMBERS and name != "scope":
        return
    for one in member if isinstance(member, list) else [member]:
        if not isinstance(one, dict):
            continue
        at = _instant(one, window.looked_at) if window.looked_at is not None else _filed(one)
        dataset = one.get("datasetId", "")
        if at is None or not isinstance(dataset, str) or (window.datasets and dataset not in window.datasets):
            continue
        if (window.since is not None and at < window.since) or (window.until is not None and at >= window.until):
            continue
        created = _instant(one, "createdAt") or at
        yield Point(
            name,
            dataset,
            _name(name, one),
            at,
            created,
            _instant(one, "modifiedAt") or created,
            _instant(one, "deletedAt"),
            {key: value for key, value in one.items() if key not in _APART},
            foreign=True,
        )


def _filed(one: Entity) -> datetime | None:
    """As the local store files an instance, for where no time is asked for."""
    times = (_instant(one, name) for name in ("observedAt", "deletedAt", "modifiedAt", "createdAt"))
    return next((at for at in times if at is not None), None)


def _name(attribute: str, one: Entity) -> UUID:
    """Its own where the instanceId is of our form, so that what came here two ways is one; else made of what it is."""
    given = one.get("instanceId")
    if isinstance(given, str):
        try:
            return UUID(given.removeprefix(INSTANCE)) if given.startswith(INSTANCE) else uuid5(NAMESPACE_URL, given)
        except ValueError:
            return uuid5(NAMESPACE_URL, given)
    return uuid5(NAMESPACE_URL, attribute + _text(one))


def _content(point: Point) -> tuple[Any, ...]:
    body = {key: value for key, value in point.body.items() if key != "instanceId"}
    return (*_slot(point), point.deleted_at, _text(body))


def _slot(point: Point) -> tuple[str, str, datetime]:
    return point.attribute, point.dataset, point.at


def _is_observed(point: Point) -> bool:
    """Its time is that of its observation."""
    return point.deleted_at is None and _instant(point.body, "observedAt") == point.at


def _moment(point: Point) -> tuple[datetime, bytes]:
    return point.at, point.name.bytes


def _instant(members: Mapping[str, Any], name: str) -> datetime | None:
    text = members.get(name)
    return read_datetime(text) if isinstance(text, str) else None


def _text(value: Entity) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        # nested deeper than can be written: it is equal to nothing but itself
        return str(id(value))
