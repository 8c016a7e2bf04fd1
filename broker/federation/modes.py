"""Who alone holds what (clause 4.3.6.3): exclusive and redirect registrations take entities and attributes away from
all others, the local store included. And what of its answer a source is registered for (4.3.6.1). No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from time import time
from typing import Any

import orjson

from adapters.contract import Page
from broker.federation.collected import Collected
from broker.federation.via import hops
from broker.registry.matching import reaches, wanted_types
from broker.registry.source import Source
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.write import HEAD
from schemas.platform import EntityPattern, Information, Mode

Entity = dict[str, Any]


class Owners:
    """The sources that alone hold something which a query may ask for."""

    __slots__ = ("_exclusive", "_redirect", "query")

    def __init__(self, query: EntityQuery, sources: Iterable[Source]) -> None:
        self.query = query
        self._exclusive = [s for s in sources if s.platform.mode is Mode.EXCLUSIVE]
        self._redirect = [s for s in sources if s.platform.mode is Mode.REDIRECT]

    def undisplaced(self, sources: Sequence[Source]) -> list[Source]:
        """The sources that can still contribute something; all, unless redirects hold everything that is asked for."""
        if not self._redirect or not self._everything():
            return list(sources)
        return [s for s in sources if s.platform.proxied]

    def divide(self, sources: Sequence[Source]) -> bool:
        """Whether what these sources give has to be looked at for what is not theirs to give."""
        return bool(self._exclusive) or any(
            s.platform.mode is not Mode.REDIRECT or any(info.attributes for info in s.platform.coverage.informations)
            for s in sources
        )

    def _everything(self) -> bool:
        query = self.query
        if query.types is None or query.types.simple is None:
            return False
        types = [query.context.expand(name) for name in query.types.simple]
        whole = [info for s in self._redirect for info in s.platform.coverage.informations if not info.attributes]
        return all(any(_holds(info, type_, one) for info in whole) for type_ in types for one in query.ids or (None,))

    def may_give(self, source: Source, entity_id: str, types: Sequence[str], iri: str) -> bool:
        """Whether an attribute of an entity is this source's to give."""
        for owners in (self._exclusive, self._redirect):
            holding = [o.id for o in owners if _covers(o, entity_id, types, iri)]
            if holding:
                return source.id in holding
        return True

    def may_show(self, source: Source, entity_id: str, types: Sequence[str]) -> bool:
        """Whether the entity itself is, beside its attributes."""
        holding = [
            o.id
            for o in self._redirect
            if any(not info.attributes and _is_one(info, entity_id, types) for info in o.platform.coverage.informations)
        ]
        return not holding or source.id in holding


def owners_of(query: EntityQuery, proxied: Sequence[Source]) -> Owners | None:
    """Those among the proxied sources of a tenant; None, which costs nothing, if there are none."""
    if not proxied or query.local:
        return None
    types, now = wanted_types(query), time()
    found = [s for s in proxied if (s.ends is None or s.ends > now) and reaches(s, query, types)]
    return Owners(query, found) if found else None


def unpassed(sources: list[Source], via: str) -> list[Source]:
    """Without those that the request has passed already, by their aliases (clause 5.12); `via` ends with our own."""
    if not any(s.alias is not None and s.alias in via for s in sources):
        return sources
    passed = hops(via)
    return [s for s in sources if s.alias not in passed]


def tellers(sources: Sequence[Source], via: str, operation: str = "retrieveEntityTypes") -> list[Source]:
    """Those that may be asked which types or attributes they have, by an operation of clause 4.20 (5.7.5 to 5.7.10)."""
    now = time()
    asked = [
        s
        for s in sources
        if not s.network
        or (operation in s.operations and not s.platform.distribution.temporal and (s.ends or now + 1) > now)
    ]
    return unpassed(asked, via)


def reduce(collected: Sequence[Collected], query: EntityQuery, owners: Owners | None) -> None:
    """Leave of what the sources gave what is theirs to give. Bytes stay bytes where all of it is."""
    for one in collected:
        if one.pages and (owners is not None or (one.step.trim and not _all_theirs(one, query))):
            kept = [_reduced(entity, one.step.source, query, owners) for entity in _entities(one.pages)]
            total = one.pages[-1].total
            one.pages = [Page(entities=[entity for entity in kept if entity is not None], total=total)]


def _all_theirs(one: Collected, query: EntityQuery) -> bool:
    """Whether the heads alone tell that everything is the source's to give; False if more has to be looked at."""
    infos = one.step.source.platform.coverage.informations
    if not one.step.source.network:
        return True
    if any(info.attributes for info in infos):
        return False
    patterns = [p for info in infos for p in info.entities]
    if any(not info.entities for info in infos):
        return True
    for page in one.pages:
        heads = page.heads
        if heads is None:
            return False
        kinds = {head.type if isinstance(head.type, str) else None for head in heads}
        if len(kinds) != 1 or None in kinds:
            return False
        iri = query.context.expand(str(next(iter(kinds))))
        fitting = [p for p in patterns if p.type is None or p.type == iri]
        if any(p.id is None and p.id_pattern is None for p in fitting):
            continue
        ids = [head.id for head in heads]
        known = {p.id for p in fitting}
        texts = [p.id_pattern for p in fitting if p.id is None and p.id_pattern is not None]
        if len(texts) == 1 and all(map(_found, repeat(texts[0]), ids)):
            continue
        if not all(i in known or any(_found(text, i) for text in texts) for i in ids):
            return False
    return True


@lru_cache(maxsize=32_768)
def _found(pattern: str, entity_id: str) -> bool:
    return compile_pattern(pattern).found_in(entity_id)


def _reduced(entity: Entity, source: Source, query: EntityQuery, owners: Owners | None) -> Entity | None:
    expand = query.context.expand
    entity_id, types = entity["id"], [expand(name) for name in types_of(entity)]
    infos = source.platform.coverage.informations
    if source.network and not any(_is_one(info, entity_id, types) for info in infos):
        return None
    kept: Entity = {}
    some = False
    for name, value in entity.items():
        if name in HEAD:
            kept[name] = value
            continue
        iri = expand(name)
        if source.network and not _covers(source, entity_id, types, iri):
            continue
        if owners is None or owners.may_give(source, entity_id, types, iri):
            kept[name] = value
            some = True
    if not some and owners is not None and not owners.may_show(source, entity_id, types):
        return None
    return kept


def _entities(pages: Sequence[Page]) -> Iterable[Entity]:
    for page in pages:
        if page.entities is not None:
            yield from page.entities
        else:
            loaded = orjson.loads(page.raw or b"[]")
            yield from loaded if isinstance(loaded, list) else [loaded]


def _covers(source: Source, entity_id: str, types: Sequence[str], iri: str) -> bool:
    return any(
        (not info.attributes or iri in info.attributes) and _is_one(info, entity_id, types)
        for info in source.platform.coverage.informations
    )


def _is_one(info: Information, entity_id: str, types: Sequence[str]) -> bool:
    return not info.entities or any((p.type is None or p.type in types) and _of_id(p, entity_id) for p in info.entities)


def _holds(info: Information, type_: str, entity_id: str | None) -> bool:
    return not info.entities or any(
        (p.type is None or p.type == type_)
        and (_of_id(p, entity_id) if entity_id is not None else p.id is None and p.id_pattern is None)
        for p in info.entities
    )


def _of_id(pattern: EntityPattern, entity_id: str) -> bool:
    if pattern.id is not None:
        return pattern.id == entity_id
    return pattern.id_pattern is None or _found(pattern.id_pattern, entity_id)
