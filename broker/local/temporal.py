"""Reading temporal evolutions of the local store: which entities, which of their instances, which page of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from broker.store.temporal_read import EvolutionReads, Shown, Which
from schemas.errors import NotFound, TooManyResults
from schemas.ngsi_ld.temporal import Form, TemporalQuery, Window
from schemas.ngsi_ld.temporal_filter import looked_at, named, passes, selected
from schemas.ngsi_ld.temporal_merge import Chapter, History
from schemas.ngsi_ld.temporal_older import amended
from schemas.ngsi_ld.temporal_scope import bounded
from schemas.ngsi_ld.temporal_view import Head, Point, Range, cut, present

_MANY: Final = 1000
"""Instances of one entity that are read together with those of others."""
_WHOLE: Final = 100_000
"""Instances that are read at most where all of them are needed: to filter some entities, and to aggregate."""
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class Evolved:
    """An answer. `range` is set if it has not all instances, `more` if entities come after these, `altered` if it tells
    less or otherwise, for an earlier version of the specification."""

    entities: list[dict[str, Any]]
    range: Range | None = None
    count: int | None = None
    more: bool = False
    altered: bool = False


class TemporalReads:
    """All methods raise StoreUnavailable, and TooManyResults where more would have to be read than is sensible."""

    def __init__(self, reads: EvolutionReads, *, page: int) -> None:
        """`page`: instances of one entity on a page (clause 6.3.10)."""
        self._reads = reads
        self._most = page

    async def retrieve(self, tenant: str, entity: str, query: TemporalQuery) -> Evolved:
        """Clause 5.7.3. NotFound, also if nothing of what was asked for is there."""
        return there(await self.find(tenant, entity, query), entity, query)

    async def find(self, tenant: str, entity: str, query: TemporalQuery) -> Evolved:
        """The same, and empty where there is no such entity."""
        heads = await self._reads.heads(tenant, Which([((entity,), ())]), None, limit=1)
        return await self._present(tenant, heads, query)

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
        return replace(found, count=count, more=len(heads) > query.limit)

    # --- a share of what several sources have ------------------------------------------------------------------------

    @property
    def page(self) -> int:
        """Instances of one entity on a page."""
        return self._most

    async def candidates(self, tenant: str, query: TemporalQuery, *, entity: str | None, most: int) -> list[Head]:
        """The entities that have something in the window, or `entity` alone, before q and the geoquery are decided: an
        entity may have its attributes at several places. TooManyResults beyond `most`."""
        if entity is not None:
            return await self._reads.heads(tenant, Which([((entity,), ())]), None, limit=1)
        which = _which(query)
        if query.filtered:
            which = Which(which.any_of)
        heads = await self._reads.heads(tenant, which, query.window, limit=most + 1)
        if len(heads) > most:
            raise TooManyResults(f"more than {most} evolutions match; narrow the query", field="type", clause="5.7.4.4")
        return [head for head in heads if not _patterns(query) or selected(head, query)]

    async def chapter(self, tenant: str, heads: Sequence[Head], query: TemporalQuery, *, whole: bool) -> Chapter:
        """What is here of these entities: all instances if `whole`, else the first page of them in time."""
        ids = [head.id for head in heads]
        window = query.window
        if query.filtered:
            window = replace(window, last_n=None)
        until = None
        if not ids or (query.only_head and not query.filtered):
            points: dict[str, list[Point]] = {name: [] for name in ids}
        elif whole or query.scope is not None:
            points = await self._all(tenant, ids, query, window, shown=_decisive(query))
            for name, rows in (await self._static(tenant, ids, query)).items():
                points[name] += rows
        else:
            points, partial = cut(await self._page(tenant, ids, query), window, self._most)
            until = None if partial is None else partial.end
        return Chapter(
            [History(head, points[head.id]) for head in heads if points[head.id] or query.scope is None], until
        )

    async def absent(self, tenant: str, ids: Sequence[str], query: TemporalQuery) -> dict[str, list[tuple[str, str]]]:
        """Of each entity the attributes that have an instance in the window, with the type of one of them."""
        return await self._reads.attributes(tenant, ids, query.window, _shown(query))

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
        older = [amended(head, points[head.id], query) for head in heads]
        made = [present(head, rows, absent.get(head.id, ()), query) for head, rows, _ in older]
        return Evolved([one for one in made if one], partial, altered=any(changed for _, _, changed in older))

    async def _static(self, tenant: str, ids: Sequence[str], query: TemporalQuery) -> dict[str, list[Point]]:
        """What the filters look at of attributes that have no evolution (the examples of annex C.5.5)."""
        names = [named(query, name) for name in looked_at(query)]
        if not names or query.window.looked_at != "observedAt":
            return {name: [] for name in ids}
        return await self._reads.static(tenant, ids, names)

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
        filtered = query.filtered
        after: str | None = None
        while True:
            heads = await self._reads.heads(
                tenant, which, query.window, limit=_BATCH, after=after, descending=query.descending
            )
            chosen = [head for head in heads if not _patterns(query) or selected(head, query)]
            points: dict[str, list[Point]] = {}
            if filtered and chosen:
                ids = [head.id for head in chosen]
                points = await self._all(tenant, ids, query, unlimited, shown=_looked_at(query))
                for name, rows in (await self._static(tenant, ids, query)).items():
                    points[name] += rows
            for head in chosen:
                if not filtered or _passes(head, points[head.id], query):
                    yield head
            if len(heads) < _BATCH:
                return
            after = heads[-1].id


_HEAD = frozenset({"id", "type", "createdAt", "modifiedAt", "deletedAt"})


def there(found: Evolved, entity: str, query: TemporalQuery) -> Evolved:
    """What was found of one entity. Raises NotFound if that is nothing, or nothing of what was asked for."""
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


def _patterns(query: TemporalQuery) -> bool:
    return any(one.pattern is not None for one in query.selectors)


def _passes(head: Head, points: Sequence[Point], query: TemporalQuery) -> bool:
    if query.scope is not None and not any(p.attribute != "scope" and not p.static for p in points):
        return False
    return passes(head, points, query)


def _looked_at(query: TemporalQuery) -> Shown:
    """What the filters look at. A scope query looks at everything that happened while the scope held."""
    if query.scope is not None:
        return Shown()
    return Shown([named(query, name) for name in looked_at(query)])


def _decisive(query: TemporalQuery) -> Shown:
    """What is shown, and what the filters look at beside that."""
    shown = _shown(query)
    if not query.filtered:
        return shown
    extra = [named(query, name) for name in (*query.needed, *looked_at(query))]
    return Shown([*shown.only, *extra] if shown.only else (), [n for n in shown.hidden if n not in extra])


def _which(query: TemporalQuery) -> Which:
    expand = query.context.expand
    return Which(
        [
            (one.ids, () if one.types is None else [frozenset(map(expand, w)) for w in one.types.alternatives])
            for one in query.selectors
        ],
        [named(query, name) for name in query.needed],
    )


def _shown(query: TemporalQuery) -> Shown:
    return Shown([named(query, name) for name in query.shown], [named(query, name) for name in query.omit])
