"""The entity ordering language (clause 4.23): `orderBy` with `orderFrom`, `orderGeometry` and `collation`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
import shapely
from shapely.errors import GEOSException

from schemas.errors import BadRequestData
from schemas.ngsi_ld.collation import ROOT, Collation, parse_collation
from schemas.ngsi_ld.geo import GeoQuery, parse_geo
from schemas.ngsi_ld.geometry import geometry_of, make_shape
from schemas.ngsi_ld.instants import read_date, read_datetime, read_time
from schemas.ngsi_ld.model import ENTITY_MEMBERS, SCALAR_MEMBERS, SYSTEM_MEMBERS
from schemas.ngsi_ld.names import encodable, printable
from schemas.ngsi_ld.sphere import Plane, haversine
from schemas.ngsi_ld.walk import holder_of, uris

if TYPE_CHECKING:
    from schemas.ngsi_ld.context import Context

CLAUSE = "4.23.3"
MAX_LENGTH = 8192
MAX_TERMS = 32

Entity: TypeAlias = dict[str, Any]
_Key: TypeAlias = tuple[int, Any]

_NAME = r"[^\s,;|{}()\[\]\"<>\\^`\x00-\x1f\x7f]+"
_TERM = re.compile(rf"({_NAME})(?:\[({_NAME})\])?(?:;(asc|desc|dist-asc|dist-desc))?")
_DATES = frozenset({"createdAt", "modifiedAt", "deletedAt", "expiresAt", "observedAt"})


@dataclass(frozen=True, slots=True)
class Term:
    """`names`: an attribute and the way to a sub-attribute or member of it; `members`: the way into its value."""

    names: tuple[str, ...]
    members: tuple[str, ...] = ()
    descending: bool = False
    by_distance: bool = False


@dataclass(frozen=True)
class Order:
    """What to sort by, first term first. `reference`: the geometry that distances are measured from."""

    terms: tuple[Term, ...]
    collation: Collation = ROOT
    reference: GeoQuery | None = None

    def sort(self, entities: Sequence[Entity]) -> list[Entity]:
        """Normalized entities in this order; what is equal stays in the order given. Without a value: last."""
        found = list(entities)
        for term in reversed(self.terms):
            key = self._key(term)
            held = [(key(entity), entity) for entity in found]
            there = [pair for pair in held if pair[0] is not None]
            there.sort(key=_first, reverse=term.descending and not term.by_distance)
            found = [entity for _, entity in there] + [entity for k, entity in held if k is None]
        return found

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that must be there to sort by."""
        return frozenset(term.names[0] for term in self.terms) - ENTITY_MEMBERS

    @cached_property
    def sys_attrs(self) -> bool:
        """Whether it looks at timestamps that are given only when asked for."""
        return any(not SYSTEM_MEMBERS.isdisjoint(term.names) for term in self.terms)

    def rename(self, fn: Callable[[str], str]) -> Order:
        """The same order with `fn(name)` for every attribute."""
        fixed = ENTITY_MEMBERS | SCALAR_MEMBERS
        return replace(
            self,
            terms=tuple(
                replace(term, names=tuple(name if name in fixed else fn(name) for name in term.names))
                for term in self.terms
            ),
        )

    def _key(self, term: Term) -> Callable[[Entity], _Key | None]:
        if not term.by_distance:
            return lambda entity: ranked(value_of(entity, term), self.collation)

        def key(entity: Entity) -> _Key | None:
            metres = self._distance(entity, term)
            if metres is not None:
                # what is no GeoProperty comes after those, whichever way they are sorted (clause 4.23.2)
                return -1, -metres if term.descending else metres
            return ranked(value_of(entity, term), self.collation)

        return key

    def _distance(self, entity: Entity, term: Term) -> float | None:
        instance = _instance(entity, term)
        geometry = geometry_of(instance.get("value")) if instance.get("type") == "GeoProperty" else None
        if geometry is None or self.reference is None:
            return None
        kind, at = geometry["type"], geometry["coordinates"]
        if kind == "Point" and self.reference.geometry == "Point":
            here = self.reference.coordinates
            return haversine(here[0], here[1], at[0], at[1])
        try:
            plane, reference = self._plane
            return float(shapely.distance(reference, plane.project(make_shape(kind, at))))
        except (GEOSException, ValueError):
            return None

    @cached_property
    def _plane(self) -> tuple[Plane, shapely.Geometry]:
        assert self.reference is not None
        shape = self.reference.shape
        plane = Plane(shape.centroid.x, shape.centroid.y)
        return plane, plane.project(shape)


def parse_order(
    text: str,
    *,
    context: Context | None = None,
    collation: str | None = None,
    order_from: str | None = None,
    order_geometry: str | None = None,
) -> Order:
    """Read the four parameters. Names become canonical in `context`. Raises BadRequestData that names the parameter."""
    if len(text) > MAX_LENGTH or not encodable(text):
        raise _bad("orderBy", f"it has more than {MAX_LENGTH} characters, or is no valid Unicode", text)
    terms = tuple(_term(part.strip(" "), context) for part in text.split(","))
    if len(terms) > MAX_TERMS:
        raise _bad("orderBy", f"it has more than {MAX_TERMS} terms", text)
    far = any(term.by_distance for term in terms)
    if far and order_from is None:
        raise _bad("orderFrom", "an order by distance needs the coordinates to start from", None)
    reference = None
    if order_from is not None:
        reference = _reference(order_from, order_geometry or "Point")
    return Order(terms, ROOT if collation is None else parse_collation(collation), reference)


def _term(text: str, context: Context | None) -> Term:
    seen = _TERM.fullmatch(text)
    if seen is None:
        raise _bad("orderBy", "names with ;asc, ;desc, ;dist-asc or ;dist-desc are expected, parted by commas", text)
    path, members, way = seen[1], seen[2], seen[3] or "asc"
    # the dots of an IRI part no names
    parts = [path] if "/" in path else path.split(".")
    if not all(parts):
        raise _bad("orderBy", "a name between two dots is missing", text)
    fixed = ENTITY_MEMBERS | SCALAR_MEMBERS
    names = tuple(name if context is None or name in fixed else context.canonical(name) for name in parts)
    return Term(names, tuple(members.split(".")) if members else (), way.endswith("desc"), way.startswith("dist"))


def _reference(coordinates: str, geometry: str) -> GeoQuery:
    try:
        return parse_geo("intersects", geometry, coordinates)
    except BadRequestData as error:
        field = "orderGeometry" if error.field == "geometry" else "orderFrom"
        raise _bad(field, "it is no geometry with its coordinates", coordinates) from None


def _instance(entity: Entity, term: Term) -> Mapping[str, Any]:
    """The default instance of an attribute or sub-attribute, else its first."""
    member: Any = entity
    for name in term.names:
        member = member.get(name) if isinstance(member, dict) else None
        if isinstance(member, list):
            instances = [one for one in member if isinstance(one, dict)]
            member = next((one for one in instances if "datasetId" not in one), instances[0] if instances else None)
    return member if isinstance(member, dict) else {}


def value_of(entity: Entity, term: Term) -> Any:
    """What to sort by; None if it is not there. Timestamps come as what `ranked` reads as such."""
    *way, last = term.names
    if last in SCALAR_MEMBERS or (not way and last in ENTITY_MEMBERS):
        holder = _instance(entity, replace(term, names=tuple(way))) if way else entity
        value = holder.get(last)
        if isinstance(value, list):
            return value[0] if value else None
        return {"@type": "DateTime", "@value": value} if last in _DATES and value is not None else value
    instance = _instance(entity, term)
    member = holder_of(instance)
    if member is None:
        return None
    value = uris(instance[member]) if member == "objectList" else instance[member]
    for name in term.members:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def ranked(value: Any, collation: Collation) -> _Key | None:
    """Clause 4.23.2: numbers, texts, objects, arrays, booleans, times, dates, instants; None for nothing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return 4, value
    if isinstance(value, int | float):
        return 0, value
    if isinstance(value, str):
        return 1, collation.key(value)
    if isinstance(value, list):
        return 3, orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return _timed(value) or (2, orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _timed(value: Mapping[str, Any]) -> _Key | None:
    kind, text = value.get("@type", value.get("type")), value.get("@value")
    if not isinstance(kind, str) or not isinstance(text, str):
        return None
    if kind == "Time" and (at := read_time(text)) is not None:
        return 5, at
    if kind == "Date" and (day := read_date(text)) is not None:
        return 6, day
    if kind == "DateTime" and (instant := read_datetime(text)) is not None:
        return 7, instant
    return None


def _first(pair: tuple[Any, Entity]) -> Any:
    return pair[0]


def _bad(field: str, what: str, value: str | None) -> BadRequestData:
    shown = None if value is None else printable(value)
    return BadRequestData(f"{field} can't be used: {what}.", field=field, value=shown, clause=CLAUSE)
