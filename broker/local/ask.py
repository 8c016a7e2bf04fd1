"""One question to the local store: what SQL does of it, and what is decided on what SQL gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from adapters.contract import SourceContext
from adapters.query_memory import fits
from broker.store.entity_filter import Where
from broker.store.entity_order import By
from broker.store.entity_prefilter import id_prefix, prefilter, scoped
from broker.store.entity_read import StoredEntity
from broker.store.entity_spans import attribute_ways, covers, scope_covers
from schemas.capability import Residual
from schemas.errors import SourceTimeout, StoreUnavailable, Unavailable
from schemas.ngsi_ld.collation import ROOT
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.order import Order
from schemas.ngsi_ld.q import Comparison
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.rename import compact_entity
from schemas.ngsi_ld.representation import strip_sys_attrs

PAGE = 1000
"""Entities that are read at once."""
ALWAYS = frozenset({"id", "type"})
_T = TypeVar("_T")
Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    query: EntityQuery
    where: Where
    residual: Residual
    by: By | None
    """How keys tell the order that is wanted; None: not at all, or none is wanted."""

    @property
    def timed(self) -> bool:
        """Its q looks at times that the answer is not to show."""
        return self.query.q is not None and self.query.q.sys_attrs and not self.query.sys_attrs

    def fitting(self, rows: Sequence[StoredEntity]) -> list[Entity]:
        """Those that pass what SQL could not decide; they have their times if these are wanted or `timed`."""
        query = self.query
        shown = query.sys_attrs or self.timed
        made = (outward(row, query.context, sys_attrs=shown) for row in rows)
        return [entity for entity in made if fits(entity, query, self.residual)]

    def shown(self, entities: list[Entity]) -> list[Entity]:
        """As they leave."""
        return [strip_sys_attrs(entity) for entity in entities] if self.timed else entities


async def within(ctx: SourceContext, reading: Awaitable[_T]) -> _T:
    """What the store gives before the deadline."""
    try:
        async with asyncio.timeout_at(ctx.deadline):
            return await reading
    except StoreUnavailable as e:
        raise Unavailable(e.detail) from None
    except TimeoutError:
        raise SourceTimeout("the local store did not answer before the deadline") from None


def to_where(query: EntityQuery) -> Where:
    """The part of a query that SQL decides."""
    expand = query.context.expand
    types = query.types
    geo = query.geo
    q = None if query.q is None or "join" in query.q.operators else query.q
    predicate = None if q is None else prefilter(q, query.context)
    found = [] if q is None else covers(q, query.context)
    told = q is not None and isinstance(q.root, Comparison) and query.scope is None
    if query.scope is not None:
        found += scope_covers(query.scope)
        if (scopes := scoped(query.scope)) is not None:
            predicate = scopes if predicate is None else f"({predicate} && {scopes})"
    area = None
    if geo is not None and geo.bbox is not None:
        area = (expand(geo.geoproperty), geo.bbox)
    return Where(
        ids=list(query.ids) if query.ids else None,
        types=() if types is None else [frozenset(map(expand, wanted)) for wanted in types.alternatives],
        id_prefix="" if query.id_pattern is None else id_prefix(query.id_pattern),
        attrs_any=[expand(a) for a in query.attrs or _selecting(query.pick)],
        area=area,
        predicate=predicate,
        covers=found,
        told=told,
    )


def by_keys(order: Order, query: EntityQuery) -> By | None:
    """How the keys of entities tell the order; None for distances, members of values and other collations."""
    first = order.terms[0]
    if first.by_distance or first.members or order.collation != ROOT:
        return None
    ways = attribute_ways(first.names, query.context)
    return By(ways, first.descending, whole=len(order.terms) > 1) if ways else None


def _selecting(pick: tuple[str, ...]) -> tuple[str, ...]:
    """The attributes of a pick of which an entity must have one; none where any entity has something of the pick."""
    return pick if ALWAYS.isdisjoint(pick) and "scope" not in pick else ()


def outward(row: StoredEntity, context: Context, *, sys_attrs: bool) -> dict[str, Any]:
    """A stored entity in the working context."""
    entity = row.entity if sys_attrs else strip_sys_attrs(row.entity)
    made = compact_entity(entity, context)
    if sys_attrs:
        made["createdAt"] = _iso(row.created_at.isoformat(timespec="milliseconds"))
        made["modifiedAt"] = _iso(row.modified_at.isoformat(timespec="milliseconds"))
    return made


def _iso(text: str) -> str:
    return text.replace("+00:00", "Z")
