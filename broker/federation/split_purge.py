"""Which sources a purge is sent to (clause 5.6.21.4), and how far: as far as they are registered. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.federation.csf import chosen
from broker.federation.split import Part, offers
from broker.registry.matching import reaches, wanted_types
from broker.registry.source import Source
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.write import Write
from schemas.platform import EntityPattern, Information


def purge_parts(query: EntityQuery, params: Mapping[str, str], sources: Sequence[Source]) -> list[Part]:
    """For each source that may hold something of it one part; one more for each further kind of entities that the
    source is registered for, with other attributes. `params` are those of the request."""
    if query.csf is not None:
        sources = chosen(sources, query.csf, query.context)
    types = wanted_types(query)
    parts = []
    for source in sources:
        if not reaches(source, query, types):
            continue
        for info in source.platform.coverage.informations:
            narrowed = _narrowed(dict(params), info, query, types)
            if narrowed is None:
                continue
            write = Write("purgeEntity", context=query.context, types=types or frozenset(), params=narrowed)
            offered = offers(source, write)
            if offered or source.platform.proxied:
                parts.append(Part(source, write, info.attributes, offered, source.platform.proxied))
    return parts


def _narrowed(
    params: dict[str, str], info: Information, query: EntityQuery, types: frozenset[str] | None
) -> dict[str, str] | None:
    """The parameters, so that they ask for no more than this part of a registration; None if that is nothing."""
    context = query.context
    fitting = [p for p in info.entities if _fits(p, query, types)]
    if info.entities and not fitting:
        return None
    if fitting:
        if types is None and all(p.type is not None for p in fitting):
            params["type"] = ",".join(sorted({context.compact(p.type) for p in fitting if p.type is not None}))
        if not query.ids:
            if all(p.id is not None for p in fitting):
                params["id"] = ",".join(sorted({p.id for p in fitting if p.id is not None}))
            elif len(fitting) == 1 and fitting[0].id_pattern is not None and query.id_pattern is None:
                params["idPattern"] = fitting[0].id_pattern
        elif all(p.id is not None or p.id_pattern is not None for p in fitting):
            params["id"] = ",".join(i for i in query.ids if any(_is(p, i) for p in fitting))
    return _of_attributes(params, info, context) if info.attributes else params


def _of_attributes(params: dict[str, str], info: Information, context: Context) -> dict[str, str] | None:
    """Of entities that it holds in part, only these attributes may go."""
    covered = set(info.attributes)
    kept, dropped = params.pop("keep", None), params.pop("drop", None)
    if dropped is not None:
        covered &= {context.expand(name) for name in dropped.split(",")}
    elif kept is not None:
        covered -= {context.expand(name) for name in kept.split(",")}
    if not covered:
        return None
    return params | {"drop": ",".join(sorted(map(context.compact, covered)))}


def _fits(pattern: EntityPattern, query: EntityQuery, types: frozenset[str] | None) -> bool:
    if types is not None and pattern.type is not None and pattern.type not in types:
        return False
    if not query.ids:
        return True
    return any(_is(pattern, one) for one in query.ids)


def _is(pattern: EntityPattern, entity_id: str) -> bool:
    if pattern.id is not None:
        return pattern.id == entity_id
    return pattern.id_pattern is None or compile_pattern(pattern.id_pattern).found_in(entity_id)
