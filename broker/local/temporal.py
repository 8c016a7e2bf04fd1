"""Reading temporal evolutions of the local store: which entities, which of their instances, which page of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from broker.store.temporal_read import EvolutionReads, Shown, Which
from schemas.errors import NotFound, TooManyResults
from schemas.ngsi_ld.rename import compact_entity
from schemas.ngsi_ld.temporal import Form, Selector, TemporalQuery, Window
from schemas.ngsi_ld.temporal_scope import bounded
from schemas.ngsi_ld.temporal_view import Head, Point, Range, cut, evolution, present

_MANY: Final = 1000
"""Instances of one entity that are read together with those of others."""
_WHOLE: Final = 100_000
"""Instances that are read at most where all of them are needed: to filter some entities, and to aggregate."""
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class Evolved:
    """An answer. `range` is set if it has not all instances, `more` if entities come after these."""

    entities: list[dict[str, Any]]
    range: Range | None = None
    count: int | None = None
    more: bool = False


class TemporalReads:
    """All methods raise StoreUnavailable, and TooManyResults where more would have to be read than is sensible."""

    def __init__(self, reads: EvolutionReads, *, page: int) -> None:
        """`page`: instances of one entity on a page (clause 6.3.10)."""
        self._reads = reads
        self._most = page

    async def retrieve(self, tenant: str, entity: str, query: TemporalQuery) -> Evolved:
        """Clause 5.7.3. NotFound, also if nothing of what was asked for is there."""
        heads = await self._reads.heads(tenant, Which([((entity,), ())]), None, limit=1)
        found = await self._present(tenant, heads, query)
        window = query.window
        bare = window.timerel is None and window.timeproperty is None and not window.datasets and not query.attrs
        if not found.entities or (not bare and not query.only_head and found.entities[0].keys() <= _HEAD):
            raise NotFound(
                "there is no such evolution, or nothing of it is in what was asked for",
                field="id",
                value=entity,
                clause="5.7.3",
            )
        return found

    async def query(self, tenant: str, query: TemporalQuery) -> Evolved:
        """Clause 5.7.4."""
        if query.q is None and query.geo is None and query.scope is None and not _patterns(query):
            which = _which(query)
            count = await self._reads.count(tenant, which, query.window) if query.count else None
            heads = await self._reads.heads(
                tenant, which, query.window, limit=query.limit + 1, offset=query.offset, descending=query.descending
            )
        else:
            heads, count = await self._filtered(tenant, query)
        found = await self._present(tenant, heads[: query.limit], query)
        return Evolved(found.entities, found.range, count, len(heads) > query.limit)

    async def _present(self, tenant: str, heads: Sequence[Head], query: TemporalQuery) -> Evolved:
        ids = [head.id for head in heads]
        points: dict[str, list[Point]] = {name: [] for name in ids}
        absent: dict[str, list[tuple[str, str]]] = {}
        partial: Range | None = None
        if ids and not query.only_head:
            if query.form is Form.AGGREGATED or query.scope is not None:
                points = await self._all(tenant, ids, query, query.window)
            else:
                points = await self._page(tenant, ids, query)
            if query.form is not Form.AGGREGATED:
                points, partial = cut(points, query.window, self._most)
            if partial is not None:
                absent = await self._reads.attributes(tenant, ids, query.window, _shown(query))
        made = [present(head, points[head.id], absent.get(head.id, ()), query) for head in heads]
        return Evolved([one for one in made if one], partial)

    async def _page(self, tenant: str, ids: Sequence[str], query: TemporalQuery) -> dict[str, list[Point]]:
        found = await self._reads.instances(tenant, ids, query.window, _shown(query), limit=self._most + 1)
        crowded = [name for name, rows in found.items() if len(rows) > self._most and rows[0].at == rows[self._most].at]
        if crowded:
            found |= await self._all(tenant, crowded, query, query.window)
        return found

    async def _all(
        self, tenant: str, ids: Sequence[str], query: TemporalQuery, window: Window, *, shown: Shown | None = None
    ) -> dict[str, list[Point]]:
        wanted = _shown(query) if shown is None else shown
        points: dict[str, list[Point]] = {}
        total = 0
        for start in range(0, len(ids), _BATCH):
            batch = await self._reads.instances(tenant, ids[start : start + _BATCH], window, wanted, limit=_MANY + 1)
            for name, rows in batch.items():
                points[name] = rows
                if len(rows) > _MANY:
                    points |= await self._reads.instances(tenant, [name], window, wanted, limit=_WHOLE + 1)
                total += len(points[name])
                if total > _WHOLE:
                    raise TooManyResults(
                        f"more than {_WHOLE} instances would have to be read; ask for a smaller range of time",
                        field="timeAt",
                        clause="5.7.4.4",
                    )
        if query.scope is not None:
            for name in ids:
                scopes = await self._reads.scopes(tenant, name, window)
                points[name] = bounded(points[name], scopes, query.scope)
        return points

    async def _filtered(self, tenant: str, query: TemporalQuery) -> tuple[list[Head], int | None]:
        """One head more than the page has, if there are more; all are counted only if that is wanted."""
        found: list[Head] = []
        total = 0
        async for head in self._fitting(tenant, query):
            total += 1
            if total > query.offset and len(found) <= query.limit:
                found.append(head)
            if len(found) > query.limit and not query.count:
                break
        return found, total if query.count else None

    async def _fitting(self, tenant: str, query: TemporalQuery) -> AsyncIterator[Head]:
        which = _which(query)
        unlimited = Window(
            query.window.timerel, query.window.time_at, query.window.end_at, query.window.timeproperty
        )  # the filters look at all instances in the range, not at the last ones only
        filtered = query.q is not None or query.geo is not None or query.scope is not None
        after: str | None = None
        while True:
            heads = await self._reads.heads(
                tenant, which, query.window, limit=_BATCH, after=after, descending=query.descending
            )
            chosen = [head for head in heads if _selected(head, query)]
            points: dict[str, list[Point]] = {}
            if filtered and chosen:
                ids = [head.id for head in chosen]
                points = await self._all(tenant, ids, query, unlimited, shown=_looked_at(query))
            for head in chosen:
                if not filtered or _passes(head, points[head.id], query):
                    yield head
            if len(heads) < _BATCH:
                return
            after = heads[-1].id


_HEAD = frozenset({"id", "type", "createdAt", "modifiedAt"})


def _patterns(query: TemporalQuery) -> bool:
    return any(one.pattern is not None for one in query.selectors)


def _selected(head: Head, query: TemporalQuery) -> bool:
    """What SQL leaves of the selectors: patterns, together with the ids and types of the same selector."""
    if not _patterns(query):
        return True
    expand = query.context.expand

    def fits(one: Selector) -> bool:
        return (
            (not one.ids or head.id in one.ids)
            and (one.types is None or one.types.rename(expand).matches(head.types))
            and (one.pattern is None or one.pattern.found_in(head.id))
        )

    return any(map(fits, query.selectors))


def _passes(head: Head, points: Sequence[Point], query: TemporalQuery) -> bool:
    if query.scope is not None and not any(p.attribute != "scope" for p in points):
        return False
    sys_attrs = query.q is not None and query.q.sys_attrs
    entity = compact_entity(evolution(head, points, sys_attrs=sys_attrs), query.context)
    return (query.q is None or query.q.matches(entity)) and (query.geo is None or query.geo.matches(entity))


def _looked_at(query: TemporalQuery) -> Shown:
    """What the filters look at. A scope query looks at everything that happened while the scope held."""
    if query.scope is not None:
        return Shown()
    names = set() if query.q is None else set(query.q.attributes)
    if query.geo is not None:
        names.add(query.geo.geoproperty)
    return Shown([_iri(query, name) for name in names])


def _which(query: TemporalQuery) -> Which:
    expand = query.context.expand
    return Which(
        [
            (one.ids, () if one.types is None else [frozenset(map(expand, w)) for w in one.types.alternatives])
            for one in query.selectors
        ],
        [_iri(query, name) for name in query.needed],
    )


def _shown(query: TemporalQuery) -> Shown:
    return Shown([_iri(query, name) for name in query.shown], [_iri(query, name) for name in query.omit])


def _iri(query: TemporalQuery, name: str) -> str:
    return name if name in ("scope", "id", "type") else query.context.expand(name)
