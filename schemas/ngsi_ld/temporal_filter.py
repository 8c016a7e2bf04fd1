"""Which evolutions a query takes, by the instances that are in its window (clause 5.7.4). Pure.

The scope query is not decided here: a scope holds from before the window on (`temporal_scope`).
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.ngsi_ld.rename import compact_entity
from schemas.ngsi_ld.temporal import Selector, TemporalQuery
from schemas.ngsi_ld.temporal_view import Head, Point, evolution


def selected(head: Head, query: TemporalQuery) -> bool:
    """Whether the entity fits one of the selectors: its ids, types and pattern together."""
    if not query.selectors:
        return True
    expand = query.context.expand

    def fits(one: Selector) -> bool:
        return (
            (not one.ids or head.id in one.ids)
            and (one.types is None or one.types.rename(expand).matches(head.types))
            and (one.pattern is None or one.pattern.found_in(head.id))
        )

    return any(map(fits, query.selectors))


def passes(head: Head, points: Sequence[Point], query: TemporalQuery) -> bool:
    """Whether q and the geoquery hold for the instances."""
    if query.q is None and query.geo is None:
        return True
    sys_attrs = query.q is not None and query.q.sys_attrs
    entity = compact_entity(evolution(head, points, sys_attrs=sys_attrs), query.context)
    return (query.q is None or query.q.matches(entity)) and (query.geo is None or query.geo.matches(entity))


def looked_at(query: TemporalQuery) -> tuple[str, ...]:
    """The attributes that the filters look at, in the query's context."""
    names = set() if query.q is None else set(query.q.attributes)
    if query.geo is not None:
        names.add(query.geo.geoproperty)
    return tuple(sorted(names))


def named(query: TemporalQuery, name: str) -> str:
    """The IRI of a member that a query names."""
    return name if name in ("scope", "id", "type") else query.context.expand(name)
