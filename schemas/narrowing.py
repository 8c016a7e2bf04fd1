"""What a right to use data makes of a question and of an answer: a question for what it covers, and nothing else shown.

A clause is a rectangle: types x attributes x area. What a filter looks at but the clause does not cover counts as not
there, here and not at the source: else the answer would tell it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import shapely

from schemas.agreement import UNBOUNDED, Operation, Quota
from schemas.capability import Residual
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.geo import GeoQuery, parse_geo
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import TypeSelection

Entity = dict[str, Any]
_ALWAYS = frozenset({"id", "type", "scope"})
_LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Clause:
    """One right. `agreement` is None for open data and one's own. Names are IRIs; an empty set means all of them."""

    agreement: str | None = None
    version: int | None = None
    types: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    area: GeoQuery | None = None
    """Only entities whose location is within."""
    operations: frozenset[Operation] = frozenset(Operation)
    quota: Quota = UNBOUNDED

    @property
    def whole(self) -> bool:
        """Nothing is kept back."""
        return not self.types and not self.attributes and self.area is None

    @property
    def shape(self) -> tuple[frozenset[str], GeoQuery | None]:
        """Clauses that have the same one differ in their types only."""
        return self.attributes, self.area

    def covers(self, type_iri: str, attribute_iri: str | None = None) -> bool:
        """Whether it says anything about entities of this type, and about this attribute of them."""
        return (not self.types or type_iri in self.types) and (
            attribute_iri is None or not self.attributes or attribute_iri in self.attributes
        )


def area_of(geometry: dict[str, Any] | None) -> GeoQuery | None:
    """The area of a clause for a GeoJSON geometry that was checked."""
    return None if geometry is None else parse_geo("within", geometry["type"], geometry["coordinates"], _LOCATION)


class Narrowed(msgspec.Struct, frozen=True):
    """`left`: what the source is not asked to decide. `exact`: what the source gives for it is what is covered, so a
    page of it is a page."""

    query: EntityQuery
    left: Residual
    exact: bool


def narrow(query: EntityQuery, clause: Clause, *, by_id: bool = True) -> Narrowed | None:
    """The part of a question that a clause covers; None if it covers none. `by_id`: the source can be asked for ids in
    a query, so that a retrieval can be one of its type and place, too."""
    if clause.whole:
        return Narrowed(query, Residual(), True)
    types = _types(query, clause)
    if types is not None and not types.alternatives:
        return None
    asked, q_left, geo_left = _without_hidden(query.alter(order=None, types=types), clause)
    attrs = _attributes(query, clause)
    if attrs is None:
        return None
    shown_anyway, bare = False, bool(clause.attributes)
    if bare:
        asked = asked.alter(attrs=attrs, pick=(), omit=())
    area = clause.area
    if area is not None:
        if _apart(area, asked.geo):
            return None
        placed, left = _placed(area, asked.geo)
        geo_left = geo_left or left
        asked = asked.alter(geo=placed)
        if clause.attributes:
            shown_anyway = _LOCATION not in attrs
            asked = asked.alter(attrs=tuple(dict.fromkeys((*attrs, _LOCATION))))
        elif query.attrs or query.pick or query.omit:
            shown_anyway = bare = True
            asked = asked.alter(attrs=(), pick=(), omit=())
    if query.retrieve and (clause.types or area is not None):
        asked = asked.alter(retrieve=False, offset=0, limit=1) if by_id else asked.alter(types=None, geo=None)
    projected = (bare and bool(query.pick or query.omit)) or (shown_anyway and bool(query.attrs))
    return Narrowed(asked, Residual(q=q_left, geo=geo_left, projection=projected), not shown_anyway)


def limited(query: EntityQuery, clauses: Sequence[Clause]) -> bool:
    """Whether the clauses may keep back something of what is asked for."""
    expand = query.context.expand
    wanted: Iterable[str | None] = (None,) if query.types is None else map(expand, query.types.names)
    named = _named(query)
    attributes = None if named is None else set(map(expand, named))
    return not all(any(_grants(c, type_, attributes) for c in clauses) for type_ in wanted)


def visible(entity: Entity, clause: Clause, context: Context) -> Entity | None:
    """What of a normalized entity in `context` a clause covers; None if nothing. The entity is not changed."""
    expand = context.expand
    if clause.types and not any(expand(name) in clause.types for name in types_of(entity)):
        return None
    if clause.area is not None and not clause.area.matches(entity):
        return None
    if not clause.attributes:
        return entity
    covered = clause.attributes
    kept = {name: member for name, member in entity.items() if name in ENTITY_MEMBERS or expand(name) in covered}
    return kept if any(name not in ENTITY_MEMBERS for name in kept) else None


def _grants(clause: Clause, type_iri: str | None, attributes: set[str] | None) -> bool:
    if clause.area is not None or (clause.types and type_iri not in clause.types):
        return False
    return not clause.attributes or (attributes is not None and attributes <= clause.attributes)


def _named(query: EntityQuery) -> set[str] | None:
    """The attributes that a query shows or looks at; None: any."""
    if not query.attrs and not query.pick:
        return None
    names = {*query.attrs, *query.pick} - _ALWAYS
    if query.q is not None:
        names |= query.q.attributes
    if query.geo is not None:
        names.add(query.geo.geoproperty)
    return names


def _types(query: EntityQuery, clause: Clause) -> TypeSelection | None:
    """Those of the types asked for that are covered; all that are if any would do. No alternatives: none is."""
    if not clause.types:
        return query.types
    context = query.context
    if query.types is None:
        return TypeSelection(tuple(frozenset((context.compact(iri),)) for iri in sorted(clause.types)))
    kept = [a for a in query.types.alternatives if any(context.expand(name) in clause.types for name in a)]
    return query.types if len(kept) == len(query.types.alternatives) else TypeSelection(tuple(kept))


def _without_hidden(query: EntityQuery, clause: Clause) -> tuple[EntityQuery, bool, bool]:
    """Without the filters that look at what is not covered, and whether q and the geoquery were among them."""
    if not clause.attributes:
        return query, False, False
    covered, expand = clause.attributes, query.context.expand
    q_left = query.q is not None and not all(expand(name) in covered for name in query.q.attributes)
    geo_left = query.geo is not None and expand(query.geo.geoproperty) not in covered
    if q_left:
        query = query.alter(q=None)
    return (query.alter(geo=None) if geo_left else query), q_left, geo_left


def _attributes(query: EntityQuery, clause: Clause) -> tuple[str, ...] | None:
    """The attributes to ask for; None if only others are wanted."""
    if not clause.attributes:
        return query.attrs
    context = query.context
    wanted = query.attrs or query.pick
    if not wanted or (not query.attrs and not _ALWAYS.isdisjoint(wanted)):
        return tuple(context.compact(iri) for iri in sorted(clause.attributes))
    chosen = tuple(name for name in wanted if context.expand(name) in clause.attributes)
    return chosen or None


def _apart(area: GeoQuery, geo: GeoQuery | None) -> bool:
    if geo is None or geo.geoproperty != _LOCATION or geo.bbox is None or area.bbox is None:
        return False
    west, south, east, north = geo.bbox
    return east < area.bbox[0] or west > area.bbox[2] or north < area.bbox[1] or south > area.bbox[3]


def _placed(area: GeoQuery, geo: GeoQuery | None) -> tuple[GeoQuery, bool]:
    """The place to ask for, never beyond the area, and whether the query's own place is left to be decided here."""
    if geo is None:
        return area, False
    if geo.georel == "within" and geo.geoproperty == _LOCATION:
        common = shapely.intersection(area.shape, geo.shape)
        if common.geom_type in ("Polygon", "MultiPolygon") and not common.is_empty:
            drawn = shapely.geometry.mapping(common)
            return GeoQuery("within", drawn["type"], drawn["coordinates"], _LOCATION), False
    return area, True
