"""Adapter `local`: entities kept in our own PostgreSQL, a tenant per area.

What SQL can decide exactly (ids, types, attributes) is left to it. Of q, geometry, scope and patterns it makes a first
cut; they are decided here, page by page, so that limit and order hold and nothing is left to the federation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from adapters.contract import Adapter, Manifest, Page, Services, SourceContext
from broker.local.ask import ALWAYS, PAGE, Ask, by_keys, outward, to_where, within
from broker.local.ordered import in_order
from broker.local.temporal import TemporalReads
from broker.store.entities import Entities
from schemas.capability import Capabilities, Paging, Pushdown, Residual
from schemas.errors import Retryable, SourceTooLarge
from schemas.ngsi_ld.head import Head
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_merge import Chapter
from schemas.platform import Platform, ProbeResult

_SPARE = 10
"""Rows that are read beyond those asked for, as some may not match."""
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
        page_limit=PAGE,
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
        selects = "scope" in query.pick and ALWAYS.isdisjoint(query.pick)
        return Pushdown(
            request=Ask(query, to_where(query), left, None if query.order is None else by_keys(query.order, query)),
            residual=beyond,
            limit_guaranteed=not joins and not selects,
            ordered=query.order is None,
            sorted=True,
            text="local store" + (f", tenant {self._tenant}" if self._tenant else ""),
        )

    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        ask: Ask = request
        query = ask.query
        if query.order is not None:
            entities, total = await in_order(self._entities, self._tenant, ask, query.order, ctx)
            yield _page(entities, query, ctx, total)
            return
        if ask.residual.filters:
            async for page in self._filtered(ask, ctx):
                yield page
            return
        total = await within(ctx, self._entities.count(self._tenant, ask.where)) if query.count else None
        found = self._entities.query(self._tenant, ask.where, limit=query.limit, offset=query.offset)
        rows = await within(ctx, found)
        yield _page([outward(r, query.context, sys_attrs=query.sys_attrs) for r in rows], query, ctx, total)

    async def _filtered(self, ask: Ask, ctx: SourceContext) -> AsyncIterator[Page]:
        query = ask.query
        skip, left, total, after = query.offset, query.limit, 0, None
        # Near what is asked for at first: SQL has sorted out most of what does not match.
        size = PAGE if query.count else min(PAGE, _SPARE + query.offset + query.limit)
        while True:
            rows = await within(ctx, self._entities.query(self._tenant, ask.where, after_id=after, limit=size))
            fitting = ask.fitting(rows)
            total += len(fitting)
            found = ask.shown(fitting[skip : skip + left])
            skip = max(0, skip - len(fitting))
            left -= len(found)
            last = len(rows) < size
            if found:
                yield _page(found, query, ctx, None)
            if last or (not left and not query.count):
                break
            after = rows[-1].id
            size = min(PAGE, size * 4)
        if query.count:
            yield Page(entities=[], total=total)

    async def evolutions(
        self, query: TemporalQuery, ctx: SourceContext, *, entity: str | None, whole: bool, most: int
    ) -> AsyncIterator[Chapter]:
        heads = await within(ctx, self._past.candidates(self._tenant, query, entity=entity, most=most))
        yield await within(ctx, self._past.chapter(self._tenant, heads, query, whole=whole))

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        return tuple(sorted(await within(ctx, self._entities.types(self._tenant))))

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        try:
            held = await within(ctx, self._entities.types(self._tenant))
        except Retryable as e:
            return ProbeResult(ok=False, problem=e.detail, field="endpoint")
        count = sum(held.values())
        return ProbeResult(
            ok=True,
            dialect="Kakehashi local store",
            types=tuple(sorted(held)),
            page_limit=PAGE,
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
