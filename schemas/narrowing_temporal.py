"""What a right makes of a question about temporal evolutions: the part of it that is covered. Pure.

An agreement that is bound to an area covers no evolutions: where an entity was before is not told by where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from schemas.narrowing import Clause
from schemas.ngsi_ld.temporal import Selector, TemporalQuery
from schemas.ngsi_ld.types import TypeSelection

_ALWAYS = frozenset({"id", "type", "scope"})


def narrow_evolutions(query: TemporalQuery, clauses: Sequence[Clause]) -> tuple[TemporalQuery, Clause] | None:
    """The question as the first right that covers some of it lets it be asked; None if none does. Rights that differ in
    their types only count as one."""
    for clause in _joined(clauses):
        narrowed = _narrow(query, clause)
        if narrowed is not None:
            return narrowed, clause
    return None


def _joined(clauses: Iterable[Clause]) -> list[Clause]:
    found: dict[frozenset[str], Clause] = {}
    for clause in clauses:
        if clause.area is not None:
            continue
        known = found.get(clause.attributes)
        if known is None or not clause.types:
            found[clause.attributes] = clause
        elif known.types:
            found[clause.attributes] = replace(known, types=known.types | clause.types)
    return list(found.values())


def _narrow(query: TemporalQuery, clause: Clause) -> TemporalQuery | None:
    if clause.types:
        narrowed = (_selector(s, query, clause) for s in query.selectors or (Selector(),))
        selectors = [s for s in narrowed if s is not None]
        if not selectors:
            return None
        query = replace(query, selectors=tuple(selectors))
    return _attributes(query, clause) if clause.attributes else query


def _selector(selector: Selector, query: TemporalQuery, clause: Clause) -> Selector | None:
    context = query.context
    if selector.types is None:
        every = TypeSelection(tuple(frozenset((context.compact(iri),)) for iri in sorted(clause.types)))
        return replace(selector, types=every)
    kept = [a for a in selector.types.alternatives if any(context.expand(name) in clause.types for name in a)]
    return replace(selector, types=TypeSelection(tuple(kept))) if kept else None


def _attributes(query: TemporalQuery, clause: Clause) -> TemporalQuery | None:
    expand, covered = query.context.expand, clause.attributes
    looked_at = set() if query.q is None else set(query.q.attributes)
    if query.geo is not None:
        looked_at.add(query.geo.geoproperty)
    if any(expand(name) not in covered for name in looked_at):
        # what it looks at is not there for this caller, so nothing is found
        return None
    if query.attrs:
        attrs = tuple(name for name in query.attrs if expand(name) in covered)
        return replace(query, attrs=attrs) if attrs else None
    if query.pick:
        pick = tuple(name for name in query.pick if name in _ALWAYS or expand(name) in covered)
        return replace(query, pick=pick) if pick else None
    return replace(query, attrs=tuple(query.context.compact(iri) for iri in sorted(covered)))
