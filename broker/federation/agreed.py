"""A source as one consumer's rights let it be seen: asked for what they cover, and its answer filtered again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Hashable, Iterable
from dataclasses import replace
from typing import Any

import msgspec
import orjson

from adapters.contract import Adapter, Page, SourceContext
from broker.federation.plan import Step
from broker.registry.source import Source
from schemas.capability import Capabilities, Pushdown, Residual
from schemas.narrowing import Clause, narrow, visible
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import ProbeResult


def agreed(source: Source, clauses: tuple[Clause, ...]) -> Source:
    """The source as it is asked by these rights; it shares breaker, bulkhead and tally with the one it is made of."""
    if len(clauses) == 1 and clauses[0].whole:
        return replace(source, clauses=clauses)
    return replace(source, clauses=clauses, adapter=Agreed(source.adapter, clauses))


def used(step: Step) -> tuple[Clause, ...]:
    """The rights by which a step is asked."""
    request = step.pushdown.request
    if isinstance(step.source.adapter, Agreed) and request is not None:
        return tuple(part.clause for part in request)
    return step.source.clauses


def held(sources: Iterable[Source]) -> set[tuple[str, int | None]]:
    """The agreements, with their versions, by which sources may be asked."""
    return {(c.agreement, c.version) for s in sources for c in s.clauses if c.agreement is not None}


def quoted(sources: Iterable[Source], query: EntityQuery | None) -> dict[str, Clause]:
    """The rights with a quota by which a query is asked of these sources; None: whatever is asked."""
    return {
        c.agreement: c
        for s in sources
        for c in s.clauses
        if c.agreement is not None and c.quota.bounded and (query is None or narrow(query, c) is not None)
    }


def without(source: Source, spent: Collection[str]) -> Source | None:
    """The source by those of its rights that are left; None if there are none."""
    left = tuple(c for c in source.clauses if c.agreement not in spent)
    if len(left) == len(source.clauses):
        return source
    adapter = source.adapter
    inner = adapter.behind if isinstance(adapter, Agreed) else adapter
    return agreed(replace(source, adapter=inner), left) if left else None


class _Part(msgspec.Struct, frozen=True):
    """What is asked by one clause."""

    clause: Clause
    request: Any
    context: Context


class Agreed:
    """An adapter in front of another. Each clause that covers something of a query is a question of its own, so that
    nothing is asked for that no clause covers; most questions fall under one."""

    def __init__(self, adapter: Adapter, clauses: tuple[Clause, ...]) -> None:
        self.behind = adapter
        self._clauses = clauses
        self.capabilities: Capabilities = adapter.capabilities

    def plan(self, query: EntityQuery) -> Pushdown | None:
        parts: list[_Part] = []
        downs: list[Pushdown] = []
        residual = Residual()
        exact = True
        for clause in self._clauses:
            narrowed = narrow(query, clause, by_id=self.behind.capabilities.by_id)
            if narrowed is None:
                continue
            down = self.behind.plan(narrowed.query)
            if down is None:
                continue
            parts.append(_Part(clause, down.request, query.context))
            downs.append(down)
            residual = residual | down.residual | narrowed.left
            exact = exact and narrowed.exact
        if not parts:
            return None
        alone = len(parts) == 1
        return Pushdown(
            request=tuple(parts),
            residual=residual,
            limit_guaranteed=alone and exact and downs[0].limit_guaranteed and not residual.filters,
            ordered=alone and downs[0].ordered,
            text="; ".join(down.text for down in downs),
            key=_key(parts, downs),
        )

    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        parts: tuple[_Part, ...] = request
        for part in parts:
            async for page in self.behind.fetch(part.request, ctx):
                yield shown(page, part.clause, part.context, alone=len(parts) == 1)

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        held = await self.behind.types(ctx)
        return tuple(name for name in held if any(clause.covers(name) for clause in self._clauses))

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        return await self.behind.probe(ctx)

    async def close(self) -> None:
        """The adapter behind it is the registry's."""


def _key(parts: list[_Part], downs: list[Pushdown]) -> Hashable | None:
    """What was asked and narrowed by the same rights is the same; narrowed by others it is not."""
    if any(down.key is None for down in downs):
        return None
    key = tuple((part.clause, down.key) for part, down in zip(parts, downs, strict=True))
    try:
        hash(key)
    except TypeError:
        return None
    return key


def shown(page: Page, clause: Clause, context: Context, *, alone: bool) -> Page:
    """What of a page the clause covers. Bytes pass where every entity is covered whole."""
    if not clause.attributes and clause.area is None and page.raw is not None and page.heads is not None:
        covered = clause.types
        if not covered or all(
            not covered.isdisjoint(map(context.expand, (h.type,) if isinstance(h.type, str) else h.type))
            for h in page.heads
        ):
            return page if alone else msgspec.structs.replace(page, total=None)
    entities = page.entities
    if entities is None:
        loaded = orjson.loads(page.raw or b"[]")
        entities = loaded if isinstance(loaded, list) else [loaded]
    kept = [seen for e in entities if (seen := visible(e, clause, context)) is not None]
    # a source that gave what it was not asked for has counted it, too
    known = page.total if alone and len(kept) == len(entities) else None
    return Page(entities=kept, total=known)
