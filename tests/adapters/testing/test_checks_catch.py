"""The checks can fail: each broken adapter below is caught by the check that is there for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import msgspec
import orjson
import pytest

from adapters.contract import Adapter, Page, SourceContext
from adapters.query_memory import EntityTable, plan_in_memory
from adapters.testing.checks import CHECKS, CheckResult, run_checks
from adapters.testing.fixtures import canonical_entities, to_ngsi_ld
from schemas.capability import Capabilities, Pushdown, Residual
from schemas.errors import SourceTimeout
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.head import Head
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import ProbeResult

CLAIMS = Capabilities(
    by_id=True,
    retrieve=True,
    by_type=True,
    id_pattern=True,
    projection=True,
    q_operators=frozenset(
        ["==", "!=", ">", ">=", "<", "<=", "~=", "!~=", "exists", "range", "list", "and", "or", "path"]
    ),
    geo_relations=frozenset(["near", "within", "contains", "intersects", "equals", "disjoint", "overlaps"]),
    count=True,
    ordered_by_id=True,
    types=True,
)


class InMemory:
    """A truthful adapter over the canonical entities."""

    def __init__(self) -> None:
        self.capabilities = CLAIMS
        self.table = EntityTable(to_ngsi_ld(entity) for entity in canonical_entities())

    def plan(self, query: EntityQuery) -> Pushdown | None:
        return plan_in_memory(query, "")

    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        if asyncio.get_running_loop().time() >= ctx.deadline:
            raise SourceTimeout("too late")
        page = self.answer(request)
        ctx.received += len(page.raw or b"")
        if page.raw is not None:
            yield page

    def answer(self, query: EntityQuery) -> Page:
        return self.table.page(query)

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        return tuple(CORE.expand(name) for name in sorted(self.table.by_type))

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        return ProbeResult(ok=True)

    async def close(self) -> None:
        return None


def ignoring(**changes: Any) -> type[InMemory]:
    """Claims everything and ignores some of the query."""

    class Ignoring(InMemory):
        def answer(self, query: EntityQuery) -> Page:
            return self.table.page(query.alter(**changes))

    return Ignoring


def spoiling(spoil: Callable[[list[dict[str, Any]], EntityQuery], list[dict[str, Any]]]) -> type[InMemory]:
    """Changes what comes."""

    class Spoiling(InMemory):
        def answer(self, query: EntityQuery) -> Page:
            page = self.table.page(query)
            if page.raw is None or query.retrieve:
                return page
            rows = spoil(orjson.loads(page.raw), query)
            heads = [Head(id=row["id"], type=row.get("type", "")) for row in rows]
            return Page(raw=orjson.dumps(rows), heads=heads, total=page.total)

    return Spoiling


class Timeless(InMemory):
    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        ctx.received += 1
        page = self.answer(request)
        if page.raw is not None:
            yield page


class Miscounting(InMemory):
    def answer(self, query: EntityQuery) -> Page:
        page = super().answer(query)
        return msgspec.structs.replace(page, total=len(page.heads or ())) if query.count else page


class Overclaiming(InMemory):
    """Does not claim near or >, yet leaves nothing of them."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(
            CLAIMS, q_operators=CLAIMS.q_operators - {">"}, geo_relations=CLAIMS.geo_relations - {"near"}
        )


class Modest(InMemory):
    """Filters nothing and says so."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = Capabilities(types=True)

    def plan(self, query: EntityQuery) -> Pushdown | None:
        everything = Residual(ids=True, types=True, id_pattern=True, q=True, geo=True, projection=True)
        if query.retrieve:
            return Pushdown(query)
        bare = EntityQuery(context=query.context, limit=1000)
        return Pushdown(bare, everything)


class StaleHeads(InMemory):
    def answer(self, query: EntityQuery) -> Page:
        page = super().answer(query)
        return msgspec.structs.replace(page, heads=list(reversed(page.heads or ()))) if page.raw else page


def unordered(rows: list[dict[str, Any]], query: EntityQuery) -> list[dict[str, Any]]:
    return rows[::-1]


def overlapping(rows: list[dict[str, Any]], query: EntityQuery) -> list[dict[str, Any]]:
    extra = to_ngsi_ld(canonical_entities()[0])
    return [extra, *rows] if query.offset and len(rows) > 1 and not query.ids else rows


def nameless(rows: list[dict[str, Any]], query: EntityQuery) -> list[dict[str, Any]]:
    return [{**row, "capacity": {"value": 3}} for row in rows]


def foreign_ids(rows: list[dict[str, Any]], query: EntityQuery) -> list[dict[str, Any]]:
    return [{**row, "id": row["id"].rpartition(":")[2]} for row in rows]


async def failing(adapter: Adapter) -> dict[str, CheckResult]:
    def soon() -> SourceContext:
        return SourceContext(deadline=asyncio.get_running_loop().time() + 5)

    return {r.id: r for r in await run_checks(adapter, soon) if not r.ok}


@pytest.mark.parametrize("adapter", [InMemory, Modest])
async def test_a_truthful_adapter_passes(adapter: type[InMemory]) -> None:
    assert await failing(adapter()) == {}


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (ignoring(q=None), {"q:==", "q:>", "q:~=", "q:exists", "q:range", "q:path"}),
        (ignoring(geo=None), {"geo:near", "geo:within", "geo:disjoint", "geo:contains", "geo:overlaps"}),
        (ignoring(types=None), {"by-type", "unknown-type"}),
        (ignoring(ids=()), {"by-id", "unknown-id"}),
        (ignoring(id_pattern=None), {"id-pattern"}),
        (ignoring(attrs=()), {"projection"}),
        (ignoring(offset=0), {"paging", "end"}),
        (ignoring(limit=1000), {"paging"}),
        (Timeless, {"deadline"}),
        (Miscounting, {"count"}),
        (Overclaiming, {"q:>", "geo:near"}),
        (StaleHeads, {"shape"}),
        (spoiling(unordered), {"order"}),
        (spoiling(overlapping), {"paging"}),
        (spoiling(nameless), {"shape"}),
        (spoiling(foreign_ids), {"shape"}),
    ],
)
async def test_a_broken_adapter_is_caught(broken: type[InMemory], caught_by: set[str]) -> None:
    failed = await failing(broken())
    assert caught_by <= set(failed), set(failed)
    assert all(result.detail for result in failed.values())


async def test_no_entities_is_said_and_not_failed() -> None:
    adapter = InMemory()
    adapter.table = EntityTable([])
    results = await run_checks(adapter, lambda: SourceContext(deadline=asyncio.get_running_loop().time() + 5))
    assert [r for r in results if not r.ok] == []
    skipped = [r for r in results if r.skipped_reason is not None]
    assert len(skipped) > len(CHECKS) / 2
    assert any("no entities" in (r.skipped_reason or "") for r in skipped)
