"""Adapter `local`: entities kept in our own PostgreSQL, a tenant per area.

What SQL can decide exactly (ids, types, attributes) is left to it. Of q, geometry, scope and patterns it makes a first
cut; they are decided here, page by page, so that limit and order hold and nothing is left to the federation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from adapters.contract import Adapter, Manifest, Page, Services, SourceContext
from adapters.query_memory import fits
from broker.local.temporal import TemporalReads
from broker.store.entities import Entities, StoredEntity
from broker.store.entity_filter import Where
from broker.store.entity_prefilter import id_prefix, prefilter, scoped
from broker.store.entity_spans import covers, scope_covers
from schemas.capability import Capabilities, Paging, Pushdown, Residual
from schemas.errors import Retryable, SourceTimeout, SourceTooLarge, StoreUnavailable, Unavailable
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.head import Head
from schemas.ngsi_ld.q import Comparison
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.rename import compact_entity
from schemas.ngsi_ld.representation import strip_sys_attrs
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_merge import Chapter
from schemas.platform import Platform, ProbeResult

_T = TypeVar("_T")
_PAGE = 1000
_SPARE = 10
"""Rows that are read beyond those asked for, as some may not match."""
_ALWAYS = frozenset({"id", "type"})
_OPERATORS = ("==", "!=", ">", ">=", "<", "<=", "~=", "!~=", "exists", "range", "list", "and", "or", "path")

MANIFEST = Manifest(
    kind="local",
    title="Local store",
    title_ja="ローカルストア",
    standard="ETSI GS CIM 009",
    version="1.9.1",
    capabilities=Capabilities(
        by_id=True,
        retrieve=True,
        by_type=True,
        id_pattern=True,
        q_operators=frozenset(_OPERATORS),
        geo_relations=frozenset({"near", "within", "contains", "intersects", "equals", "disjoint", "overlaps"}),
        scope=True,
        count=True,
        ordered_by_id=True,
        paging=Paging.OFFSET,
        page_limit=_PAGE,
        types=True,
        temporal=True,
        write=True,
    ),
)


class LocalModule:
    """What the registry opens for adapter kind `local`; made by the composition root with the database."""

    manifest = MANIFEST

    def __init__(self, entities: Entities, past: TemporalReads) -> None:
        self._entities = entities
        self._past = past

    async def open(self, platform: Platform, services: Services) -> Adapter:
        """The adapter of one tenant of the local store."""
        return LocalAdapter(self._entities, self._past, platform.tenant or "")


@dataclass(frozen=True, slots=True)
class _Ask:
    query: EntityQuery
    where: Where
    residual: Residual


class LocalAdapter:
    """One tenant."""

    capabilities = MANIFEST.capabilities

    def __init__(self, entities: Entities, past: TemporalReads, tenant: str) -> None:
        self._entities = entities
        self._past = past
        self._tenant = tenant

    def plan(self, query: EntityQuery) -> Pushdown | None:
        joins = query.q is not None and "join" in query.q.operators
        filtered = query.q is not None and not joins
        left = Residual(
            q=filtered,
            geo=query.geo is not None,
            id_pattern=bool(query.id_pattern),
            scope=query.scope is not None or bool(query.selectors),
        )
        beyond = Residual(q=joins, projection=bool(query.attrs or query.pick or query.omit))
        # what has nothing of a pick is left out; SQL does that where the pick names attributes only
        selects = "scope" in query.pick and _ALWAYS.isdisjoint(query.pick)
        return Pushdown(
            request=_Ask(query, to_where(query), left),
            residual=beyond,
            limit_guaranteed=not joins and not selects,
            ordered=True,
            text="local store" + (f", tenant {self._tenant}" if self._tenant else ""),
        )

    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        ask: _Ask = request
        query = ask.query
        if ask.residual.filters:
            async for page in self._filtered(ask, ctx):
                yield page
            return
        total = await _within(ctx, self._entities.count(self._tenant, ask.where)) if query.count else None
        found = self._entities.query(self._tenant, ask.where, limit=query.limit, offset=query.offset)
        rows = await _within(ctx, found)
        yield _page([outward(r, query.context, sys_attrs=query.sys_attrs) for r in rows], query, ctx, total)

    async def _filtered(self, ask: _Ask, ctx: SourceContext) -> AsyncIterator[Page]:
        query = ask.query
        skip, left, total, after = query.offset, query.limit, 0, None
        # Near what is asked for at first: SQL has sorted out most of what does not match.
        size = _PAGE if query.count else min(_PAGE, _SPARE + query.offset + query.limit)
        # a q may ask for times that the answer is not to show
        timed = query.q is not None and query.q.sys_attrs and not query.sys_attrs
        while True:
            rows = await _within(ctx, self._entities.query(self._tenant, ask.where, after_id=after, limit=size))
            found = []
            for row in rows:
                entity = outward(row, query.context, sys_attrs=query.sys_attrs or timed)
                if fits(entity, query, ask.residual):
                    total += 1
                    if skip:
                        skip -= 1
                    elif left:
                        left -= 1
                        found.append(strip_sys_attrs(entity) if timed else entity)
            last = len(rows) < size
            if found:
                yield _page(found, query, ctx, None)
            if last or (not left and not query.count):
                break
            after = rows[-1].id
            size = min(_PAGE, size * 4)
        if query.count:
            yield Page(entities=[], total=total)

    async def evolutions(
        self, query: TemporalQuery, ctx: SourceContext, *, entity: str | None, whole: bool, most: int
    ) -> AsyncIterator[Chapter]:
        heads = await _within(ctx, self._past.candidates(self._tenant, query, entity=entity, most=most))
        yield await _within(ctx, self._past.chapter(self._tenant, heads, query, whole=whole))

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        return tuple(sorted(await _within(ctx, self._entities.types(self._tenant))))

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        try:
            held = await _within(ctx, self._entities.types(self._tenant))
        except Retryable as e:
            return ProbeResult(ok=False, problem=e.detail, field="endpoint")
        count = sum(held.values())
        return ProbeResult(
            ok=True,
            dialect="Kakehashi local store",
            types=tuple(sorted(held)),
            page_limit=_PAGE,
            clock_offset=0.0,
            verified=frozenset({"type", "id", "q", "geo", "attrs", "count", "limit", "order", "idPattern"}),
            sample=count,
            findings=(f"It holds {count} entities of {len(held)} type(s) in this gateway's own database.",),
        )

    async def close(self) -> None:
        return None

    # --- writing (names as IRIs) ----------------------------------------------------------------------------------

    async def create(self, entity: dict[str, Any], ctx: SourceContext) -> None:
        await self._entities.create(self._tenant, entity)

    async def upsert(self, entities: list[dict[str, Any]], ctx: SourceContext) -> list[bool]:
        return await self._entities.upsert_many(self._tenant, entities)

    async def delete(self, ids: list[str], ctx: SourceContext) -> list[bool]:
        return await self._entities.delete_many(self._tenant, ids)


async def _within(ctx: SourceContext, reading: Awaitable[_T]) -> _T:
    """What the store gives before the deadline."""
    try:
        async with asyncio.timeout_at(ctx.deadline):
            return await reading
    except StoreUnavailable as e:
        raise Unavailable(e.detail) from None
    except TimeoutError:
        raise SourceTimeout("the local store did not answer before the deadline") from None


def _page(entities: list[dict[str, Any]], query: EntityQuery, ctx: SourceContext, total: int | None) -> Page:
    """As bytes, which are counted: what the local store delivers is metered as that of any other source."""
    if query.retrieve and not entities:
        return Page(entities=[], total=total)
    raw = orjson.dumps(entities[0] if query.retrieve else entities)
    ctx.received += len(raw)
    ctx.budget -= len(raw)
    if ctx.budget < 0:
        raise SourceTooLarge("the local store has more than the bytes that one answer may have")
    return Page(raw=raw, heads=[Head(id=e["id"], type=e["type"]) for e in entities], total=total)


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


def _selecting(pick: tuple[str, ...]) -> tuple[str, ...]:
    """The attributes of a pick of which an entity must have one; none where any entity has something of the pick."""
    return pick if _ALWAYS.isdisjoint(pick) and "scope" not in pick else ()


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
