"""The plan of a query in words, without running it: for `/federation/explain` and `kakehashi explain`. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from broker.federation.plan import make_plan
from broker.registry.matching import Judgement
from broker.registry.source import Source
from schemas.capability import Pushdown, Residual
from schemas.ngsi_ld.query import EntityQuery


def explain(
    query: EntityQuery, judged: Sequence[Judgement], *, max_collect: int, budget_s: float, via: str
) -> dict[str, Any]:
    """For each source: why it matched or not, what it is asked, what is filtered here, its time, its breaker, and
    whether what it said lately would do."""
    plan = make_plan(query, [j.source for j in judged if j.matches], max_collect=max_collect)
    steps = {step.source.id: step.pushdown for step in plan.steps}
    rows = []
    now = asyncio.get_running_loop().time()
    for judgement in judged:
        source = judgement.source
        pushdown = steps.get(source.id)
        row: dict[str, Any] = {**_who(source), "matches": judgement.matches}
        if pushdown is None:
            row["reason"] = judgement.reason or "its adapter says that it can't hold any of it"
        else:
            row |= {
                "asked": pushdown.text,
                "filtered_here": _names(pushdown.residual),
                "ordered": pushdown.ordered,
                "deadline_ms": round(min(budget_s * 1000, source.platform.timeout_ms)),
                "would_be_asked": source.breaker.closed,
                "cache": _cache(source, pushdown, via, now),
            }
            if source.clauses:
                row["agreements"] = [c.agreement for c in source.clauses if c.agreement is not None]
        row["breaker"] = {
            "state": source.breaker.state.value,
            "failures": source.breaker.failures,
            "last_error": source.breaker.last_error,
        }
        rows.append(row)
    return {
        "paging": _paging(plan.paged, len(plan.steps)),
        "filters": _filters(query, plan.whole),
        "filtered_after_merge": _names(plan.residual),
        "sources": rows,
    }


def _who(source: Source) -> dict[str, Any]:
    platform = source.platform
    return {
        "platform": platform.id,
        "area": platform.area,
        "organisation": platform.organisation,
        "adapter": platform.adapter,
        "state": platform.state.value,
    }


def _cache(source: Source, pushdown: Pushdown, via: str, now: float) -> str:
    if source.answers is None or pushdown.key is None:
        return "never kept"
    return source.answers.state((pushdown.key, via), now)


def _names(residual: Residual) -> list[str]:
    return [name for name in residual.__struct_fields__ if getattr(residual, name)]


def _paging(paged: bool, steps: int) -> str:
    if not steps:
        return "no source is asked"
    if paged:
        return "left to the only source"
    return "all matches are collected, sorted by id and cut here"


def _filters(query: EntityQuery, whole: bool) -> str:
    if query.q is None and query.geo is None:
        return "none on attributes"
    if whole:
        return "left to the sources as far as they were seen to apply them"
    return "applied after the merge: entities may be split over sources"
