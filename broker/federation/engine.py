"""A federated read from matched sources to one merged page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import msgspec

from broker.federation.again import asked_again
from broker.federation.execute import Collected, Limits, execute
from broker.federation.merge import Merged, Window, merge
from broker.federation.modes import Owners, reduce
from broker.federation.plan import Plan, make_plan
from broker.federation.residual import make_filter
from broker.federation.warn import warnings
from broker.registry.source import Source
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.representation import strip_sys_attrs
from schemas.outcome import Outcome, Status


class Result(msgspec.Struct):
    """`body` (bytes of a JSON array) or `entities`. `count`: distinct matches, as far as sources answered.

    `more`: there are entities after this page. `project`: the projection is left to the caller.
    """

    collected: list[Collected]
    body: bytes | None = None
    entities: list[dict[str, Any]] | None = None
    count: int | None = None
    more: bool = False
    warnings: list[str] = []
    project: bool = False
    notices: tuple[str, ...] = ()
    """Warnings of what was kept back, or may have been, since no agreement covers it."""
    linked: dict[str, dict[str, Any]] = {}
    """Linked entities by id (clause 4.5.23), without a projection."""

    @property
    def outcomes(self) -> list[Outcome]:
        return [c.outcome for c in self.collected]


async def federate(
    query: EntityQuery,
    sources: Sequence[Source],
    limits: Limits,
    *,
    build: bool,
    max_collect: int,
    owners: Owners | None = None,
) -> Result:
    """Plan, execute, merge, residual, page. `build`: the caller wants entities (to render them), not bytes. `owners`
    alone hold some of what is asked for."""
    began = monotonic()
    divided = False
    if owners is not None:
        sources = owners.undisplaced(sources)
        divided = owners.divide(sources)
    plan = make_plan(query, sources, max_collect=max_collect, divided=divided)
    collected = await execute(plan.steps, limits)
    reducing = divided or any(step.trim for step in plan.steps)
    if reducing:
        reduce(collected, query, owners if divided else None)
    if plan.paged and query.count and _uncounted(collected):
        # the source keeps its count to itself: count what it has
        plan = make_plan(query.alter(limit=max_collect, offset=0, count=False), sources, max_collect=max_collect)
        plan = Plan(query, plan.steps, plan.residual, False, plan.whole)
        collected = await execute(plan.steps, _left(limits, began))
    again = False
    if len(collected) > 1:
        left = msgspec.structs.replace(_left(limits, began), maps=None)
        again = await asked_again(plan, collected, left, on_page=not plan.residual.filters and query.order is None)
        if again and reducing:
            reduce(collected, query, owners if divided else None)
    return finish(plan, collected, build=build, max_collect=max_collect, again=again)


def _left(limits: Limits, began: float) -> Limits:
    """What a later round has: all of them share one budget."""
    return msgspec.structs.replace(limits, budget_s=max(limits.budget_s - (monotonic() - began), 0.0))


def _uncounted(collected: Sequence[Collected]) -> bool:
    return any(c.outcome.complete and c.outcome.total is None for c in collected)


def finish(plan: Plan, collected: list[Collected], *, build: bool, max_collect: int, again: bool = False) -> Result:
    """Merge what came; pure but for the settling of `outcome.entities`. `again`: see `asked_again`."""
    query = plan.query
    keep = make_filter(query, plan.residual)
    project = plan.residual.projection
    window = Window(query.offset, query.limit, passed=plan.paged)
    order = query.order
    merged = merge(
        collected,
        window,
        keep=keep,
        build=build or project or order is not None,
        now=_now,
        sort=None if order is None else order.sort,
        again=again,
        provenance=query.provenance,
    )
    if not plan.paged:
        _mark_capped(collected, max_collect)
    entities = merged.entities
    timed = (query.q is not None and query.q.sys_attrs) or (order is not None and order.sys_attrs)
    if entities is not None and timed and not query.sys_attrs:
        entities = [strip_sys_attrs(entity) for entity in entities]
    result = Result(
        collected,
        body=merged.body,
        entities=entities,
        warnings=warnings(c.outcome for c in collected),
        project=project,
    )
    result.count, result.more = _count(plan, collected, merged)
    return result


def _count(plan: Plan, collected: Sequence[Collected], merged: Merged) -> tuple[int | None, bool]:
    query = plan.query
    if plan.paged:
        total = collected[0].outcome.total if collected else 0
        if total is not None:
            return total, total > query.offset + merged.matched
        # a full page may have a successor; an empty one after it does no harm
        return None, merged.matched >= query.limit > 0
    end = query.offset + query.limit
    cut = any(s.pushdown.ordered and c.outcome.received >= end for s, c in zip(plan.steps, collected, strict=True))
    return merged.matched, merged.matched > end or (cut and merged.matched >= end)


def _mark_capped(collected: Sequence[Collected], max_collect: int) -> None:
    """A source that has more than we read is not whole, and the answer must say so."""
    for c in collected:
        outcome = c.outcome
        if outcome.status is Status.OK and outcome.received >= max_collect:
            outcome.status = Status.PARTIAL
            outcome.detail = (
                f"it has more than the {max_collect} entities that are read for one answer; narrow the query"
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
