"""A query as one source may be asked it: no wider than its registration (clause 4.3.6.1), by an operation that it
offers (4.20). No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from broker.registry.source import Source
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import TypeSelection
from schemas.platform import EntityPattern

_MEMBERS = frozenset({"id", "type", "scope"})


def narrowed(query: EntityQuery, source: Source) -> EntityQuery:
    """The query itself, unless the registration says that it would ask for more than the source is for."""
    of_one_type = query.types is not None and len(query.types.alternatives) == 1
    if source.typed_only and of_one_type and not (source.limited and query.retrieve):
        # the most of all questions: it matched, so it is for the type
        return query
    if source.limited and query.retrieve and "retrieveEntity" not in source.operations:
        query = query.alter(retrieve=False, limit=1, offset=0, count=False)
    coverage = source.platform.coverage
    if not source.network or not (coverage.entities or coverage.attributes):
        return query
    if coverage.entities and not query.retrieve:
        query = _of_entities(query, coverage.entities)
    return _of_attributes(query, coverage.attributes) if coverage.attributes else query


def _of_entities(query: EntityQuery, patterns: Sequence[EntityPattern]) -> EntityQuery:
    context = query.context
    if query.types is None:
        if not query.selectors and all(p.type is not None for p in patterns):
            names = sorted({context.compact(p.type) for p in patterns if p.type is not None})
            query = query.alter(types=TypeSelection(tuple(frozenset((name,)) for name in names)))
        fitting = patterns
    else:
        wanted = {context.expand(name) for name in query.types.names}
        fitting = [p for p in patterns if p.type is None or p.type in wanted]
        simple = query.types.simple
        if simple is not None and len(simple) > 1 and fitting and all(p.type is not None for p in fitting):
            names = [name for name in simple if any(context.expand(name) == p.type for p in fitting)]
            if len(names) < len(simple):
                query = query.alter(types=TypeSelection(tuple(frozenset((name,)) for name in sorted(names))))
    if not fitting or any(p.id is None and p.id_pattern is None for p in fitting):
        return query
    if query.ids:
        ids = tuple(i for i in query.ids if any(_of_id(p, i) for p in fitting))
        return query.alter(ids=ids) if ids else query
    if all(p.id is not None for p in fitting):
        return query.alter(ids=tuple(sorted({p.id for p in fitting if p.id is not None})))
    if len(fitting) == 1 and query.id_pattern is None:
        return query.alter(id_pattern=fitting[0].id_pattern)
    return query


def _of_attributes(query: EntityQuery, covered: frozenset[str]) -> EntityQuery:
    context = query.context
    if query.pick:
        pick = tuple(name for name in query.pick if name in _MEMBERS or context.expand(_head(name)) in covered)
        return query if pick == query.pick or not pick else query.alter(pick=pick)
    if query.attrs:
        attrs = tuple(name for name in query.attrs if context.expand(_head(name)) in covered)
        return query if attrs == query.attrs or not attrs else query.alter(attrs=attrs)
    if query.omit:
        return query
    return query.alter(attrs=tuple(sorted(map(context.compact, covered))))


def _head(name: str) -> str:
    return name.partition(".")[0].partition("[")[0]


def _of_id(pattern: EntityPattern, entity_id: str) -> bool:
    if pattern.id is not None:
        return pattern.id == entity_id
    return pattern.id_pattern is None or compile_pattern(pattern.id_pattern).found_in(entity_id)
