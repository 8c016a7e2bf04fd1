"""Plan: what each source is asked, and what is left for us. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from broker.federation.narrow import narrowed
from broker.registry.source import Source
from schemas.capability import Pushdown, Residual
from schemas.ngsi_ld.query import EntityQuery


class Step(msgspec.Struct, frozen=True):
    """One source's part."""

    source: Source
    pushdown: Pushdown
    trim: bool = False
    """It was not seen to keep within its registration, so that is done here."""


class Plan(msgspec.Struct, frozen=True):
    """`paged`: the only source pages itself (limit and offset were left to it), so its page is the page.

    `residual` is what must be filtered here once, after the merge.
    """

    query: EntityQuery
    steps: tuple[Step, ...]
    residual: Residual
    paged: bool
    whole: bool
    """Filters on attributes were left to sources that hold whole entities."""


def make_plan(query: EntityQuery, sources: Sequence[Source], *, max_collect: int, divided: bool = False) -> Plan:
    """Ask every adapter what it takes.

    Attribute filters go only to sources that hold whole entities: one that holds a part of an entity would lose it
    (or match it wrongly), so if any such source takes part, nobody gets them and they are applied after the merge.
    A projection goes down only if nothing that needs the hidden attributes is left for us to do, and the timestamps
    come along if they are needed for what is left. `divided`: some of what a source has may not be its to give, so it
    can't tell which of its entities match, either.
    """
    plan = _make(query, sources, max_collect, divided)
    looked_at = plan.residual.q and query.q is not None and query.q.sys_attrs
    sorted_by = query.order is not None and query.order.sys_attrs
    timed = (looked_at or sorted_by) and not query.sys_attrs
    return (
        msgspec.structs.replace(_make(query.alter(sys_attrs=True), sources, max_collect, divided), query=query)
        if timed
        else plan
    )


def _make(query: EntityQuery, sources: Sequence[Source], max_collect: int, divided: bool) -> Plan:
    whole = not divided and not query.split_entities and all(s.platform.whole for s in sources)
    asked, held_back = (query, Residual()) if whole else _without_filters(query)
    if divided:
        held_back = held_back | Residual(shares=True)
    if query.scope is not None or query.selectors:
        left = not whole or not all(s.adapter.capabilities.scope for s in sources)
        held_back = held_back | Residual(scope=left)
    if len(sources) == 1:
        step = _step(sources[0], asked)
        if step is None:
            return Plan(query, (), Residual(), True, whole)
        count_known = not query.count or sources[0].adapter.capabilities.count
        in_order = query.order is None or step.pushdown.sorted
        if step.pushdown.limit_guaranteed and not held_back.filters and count_known and in_order:
            return Plan(query, (step,), step.pushdown.residual, True, whole)
    return _collect(query, asked, held_back, sources, max_collect, whole)


def _collect(
    query: EntityQuery,
    asked: EntityQuery,
    held_back: Residual,
    sources: Sequence[Source],
    max_collect: int,
    whole: bool,
) -> Plan:
    """Everything that matches comes here, up to `max_collect` a source; sources in order of id give only the first."""
    asked = asked.alter(offset=0, limit=max_collect, order=None)
    need = query.offset + query.limit
    steps: list[Step] = []
    residual = held_back
    for source in sources:
        step = _step(source, asked)
        if step is None:
            continue
        down = step.pushdown
        by_id = down.ordered and query.order is None
        if by_id and not down.residual.filters and not query.count and not held_back.filters:
            # the first `need` of every source hold the first `need` of the union
            step = _step(source, asked.alter(limit=min(need, max_collect))) or step
        steps.append(step)
        residual = residual | step.pushdown.residual
    if (residual.filters or query.order is not None) and (query.attrs or query.pick or query.omit):
        bare = asked.alter(attrs=(), pick=(), omit=())
        redone = [_step(s.source, bare.alter(limit=max_collect)) for s in steps]
        steps = [s for s in redone if s is not None]
        residual = residual | Residual(projection=True)
    return Plan(query, tuple(steps), residual, False, whole)


def _without_filters(query: EntityQuery) -> tuple[EntityQuery, Residual]:
    held = Residual(q=query.q is not None, geo=query.geo is not None)
    return query.alter(q=None, geo=None, scope=None), held


def _step(source: Source, query: EntityQuery) -> Step | None:
    asked = narrowed(query, source)
    pushdown = source.adapter.plan(asked)
    if pushdown is None or asked is query:
        return None if pushdown is None else Step(source, pushdown)
    left = pushdown.residual
    trim = left.ids or left.types or left.id_pattern or left.projection or len(source.platform.coverage.information) > 1
    if trim:
        pushdown = msgspec.structs.replace(pushdown, residual=left | Residual(shares=True), limit_guaranteed=False)
    return Step(source, pushdown, trim)
