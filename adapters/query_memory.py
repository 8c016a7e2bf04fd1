"""An `EntityQuery` evaluated over entities in memory: for adapters whose platform is a file or answers whole.

Entities and the query must be in the same @context. Nothing is left for the gateway to filter, except where a query
needs linked entities (`plannable`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
import shapely

from adapters.contract import Page
from schemas.capability import Pushdown, Residual
from schemas.ngsi_ld.geometry import geometry_of, make_shape
from schemas.ngsi_ld.head import Head, types_of
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.query import EntityQuery, Selector
from schemas.ngsi_ld.representation import project

Entity = dict[str, Any]
_MERGED = frozenset({"id", "type"})


def plan_in_memory(query: EntityQuery, text: str) -> Pushdown:
    """Everything is done here, in order of id, page included. Left to the gateway: a q over linked entities, and to
    take id and type away where the projection has none of them (what is merged needs them)."""
    unmerged = (bool(query.pick) and not _MERGED.issubset(query.pick)) or not _MERGED.isdisjoint(query.omit)
    if query.q is not None and "join" in query.q.operators:
        return Pushdown(query.alter(q=None), Residual(q=True, projection=unmerged), ordered=True, text=text)
    return Pushdown(query, Residual(projection=unmerged), limit_guaranteed=True, ordered=True, text=text)


def fits(entity: Entity, query: EntityQuery, residual: Residual) -> bool:
    """Whether an entity passes the filters that a source has left to us."""
    return (
        not (residual.ids and query.ids and entity["id"] not in query.ids)
        and not (residual.types and query.types is not None and not query.types.matches(types_of(entity)))
        and not (residual.id_pattern and query.id_pattern and not _pattern_test(query.id_pattern)(entity))
        and not (residual.projection and query.attrs and not any(name in entity for name in query.attrs))
        and not (residual.q and query.q is not None and not query.q.matches(entity))
        and not (residual.geo and query.geo is not None and not query.geo.matches(entity))
        and not (residual.scope and query.scope is not None and not query.scope.matches(entity.get("scope")))
        and not (residual.scope and query.selectors and not _selected(entity, query.selectors))
    )


def _selected(entity: Entity, selectors: Sequence[Selector]) -> bool:
    """Whether one of several selectors takes the entity (clause 5.2.33)."""
    types = types_of(entity)
    for selector in selectors:
        if selector.types is not None and not selector.types.matches(types):
            continue
        if selector.ids:
            if entity["id"] in selector.ids:
                return True
        elif selector.id_pattern is None or _pattern_test(selector.id_pattern)(entity):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Selection:
    """`positions` in the table, in order of id, after offset and limit; `total` of all that match if it was counted."""

    positions: Sequence[int]
    total: int | None


class EntityTable:
    """Normalized entities (clause 4.5.1) with distinct ids, sorted by id (by code point), not changed afterwards."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.entities = sorted(entities, key=lambda entity: entity["id"])
        self.by_id = {entity["id"]: i for i, entity in enumerate(self.entities)}
        self.by_type: dict[str, list[int]] = {}
        for i, entity in enumerate(self.entities):
            for name in types_of(entity):
                self.by_type.setdefault(name, []).append(i)
        self._bytes: list[bytes | None] = [None] * len(self.entities)
        self._heads: list[Head | None] = [None] * len(self.entities)

    def __len__(self) -> int:
        return len(self.entities)

    def renamed(self, fn: Callable[[str], str]) -> EntityTable:
        """The same entities with `fn(name)` for the names of types and attributes (not of sub-attributes); itself if
        that changes no name."""
        names = {name for entity in self.entities for name in entity if name not in ENTITY_MEMBERS} | set(self.by_type)
        changes = {name: fn(name) for name in names}
        if all(name == new for name, new in changes.items()):
            return self
        return EntityTable(_renamed(entity, changes) for entity in self.entities)

    def select(self, query: EntityQuery) -> Selection:
        """Clause 5.7.2 without projection. The total is counted if the query asks for it."""
        matching = self._matching(query)
        if query.count:
            found = list(matching)
            return Selection(found[query.offset : query.offset + query.limit], len(found))
        end = query.offset + query.limit
        taken: list[int] = []
        for n, position in enumerate(matching):
            if n >= end:
                break
            if n >= query.offset:
                taken.append(position)
        return Selection(taken, None)

    def page(self, query: EntityQuery) -> Page:
        """What `fetch` gives for the query: bytes, made once per entity unless the query has a projection."""
        chosen = self.select(query)
        if query.attrs or query.pick or query.omit:
            pick = {*query.pick, *_MERGED} if query.pick else ()
            omit = [name for name in query.omit if name not in _MERGED]
            rows = [orjson.dumps(project(self.entities[i], query.attrs, pick, omit)) for i in chosen.positions]
        else:
            rows = [self._encoded(i) for i in chosen.positions]
        heads = [self._head(i) for i in chosen.positions]
        if query.retrieve:
            return Page(raw=rows[0], heads=heads, total=chosen.total) if rows else Page(entities=[], total=chosen.total)
        return Page(raw=b"[" + b",".join(rows) + b"]", heads=heads, total=chosen.total)

    # --- which --------------------------------------------------------------------------------------------------------

    def _matching(self, query: EntityQuery) -> Iterator[int]:
        tests = list(_tests(query))
        for position in self._candidates(query):
            entity = self.entities[position]
            if all(test(entity) for test in tests):
                yield position

    def _candidates(self, query: EntityQuery) -> Iterable[int]:
        """Positions in order, as few as the indexes can tell."""
        if query.ids:
            return sorted({self.by_id[i] for i in query.ids if i in self.by_id})
        near = self._in_box(query)
        if query.types is None:
            return range(len(self.entities)) if near is None else sorted(near)
        lists = [self.by_type[name] for name in query.types.names if name in self.by_type]
        found = lists[0] if len(lists) == 1 else sorted({i for positions in lists for i in positions})
        return found if near is None else [i for i in found if i in near]

    def _in_box(self, query: EntityQuery) -> set[int] | None:
        """Positions whose `location` touches the box of the geoquery; None if the box can't tell."""
        if query.geo is None or query.geo.geoproperty != "location" or query.geo.bbox is None:
            return None
        tree, positions = self._tree
        return {positions[i] for i in tree.query(shapely.box(*query.geo.bbox)).tolist()}

    @cached_property
    def _tree(self) -> tuple[shapely.STRtree, list[int]]:
        shapes, positions = [], []
        for i, entity in enumerate(self.entities):
            for instance in _instances(entity.get("location")):
                geometry = geometry_of(instance.get("value"))
                if geometry is not None:
                    shapes.append(make_shape(geometry["type"], geometry["coordinates"]))
                    positions.append(i)
        return shapely.STRtree(shapes), positions

    # --- what ---------------------------------------------------------------------------------------------------------

    def _encoded(self, position: int) -> bytes:
        found = self._bytes[position]
        if found is None:
            found = self._bytes[position] = orjson.dumps(self.entities[position])
        return found

    def _head(self, position: int) -> Head:
        found = self._heads[position]
        if found is None:
            entity = self.entities[position]
            found = self._heads[position] = Head(id=entity["id"], type=entity["type"])
        return found


def _tests(query: EntityQuery) -> Iterator[Callable[[Entity], bool]]:
    """The cheap ones first."""
    if query.types is not None:
        types = query.types
        if query.ids or types.simple is None:
            yield lambda entity: types.matches(types_of(entity))
    if query.id_pattern is not None:
        yield _pattern_test(query.id_pattern)
    if query.attrs:
        wanted = query.attrs
        yield lambda entity: any(name in entity for name in wanted)
    if query.q is not None:
        yield query.q.matches
    if query.geo is not None:
        yield query.geo.matches
    if query.pick:
        picked = query.pick
        yield lambda entity: any(name in entity for name in picked)


def _pattern_test(text: str) -> Callable[[Entity], bool]:
    pattern = compile_pattern(text)
    return lambda entity: pattern.found_in(entity["id"])


def _instances(member: Any) -> list[dict[str, Any]]:
    return [one for one in (member if isinstance(member, list) else [member]) if isinstance(one, dict)]


def _renamed(entity: Entity, changes: dict[str, str]) -> Entity:
    changed = {changes.get(name, name): value for name, value in entity.items()}
    types = entity["type"]
    changed["type"] = changes[types] if isinstance(types, str) else [changes[name] for name in types]
    return changed
