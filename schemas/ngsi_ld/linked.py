"""Linked entity retrieval (clause 4.5.23): which entities are linked, and how an answer looks that has them. Pure.

`found` holds, by id, the linked entities that were got; normalized, in the working context, without a projection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from schemas.errors import TooManyResults
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.projection import NOTHING, Parts, Projection
from schemas.ngsi_ld.representation import only_parts, project
from schemas.ngsi_ld.walk import uris

Entity: TypeAlias = dict[str, Any]
Found: TypeAlias = Mapping[str, Entity]
MAX_LEVEL = 8
MAX_INLINE = 20_000
"""Linked entities in one answer. Where many lead to each other their number grows with every level."""


@dataclass(frozen=True, slots=True)
class Join:
    """`level`: how many Relationships are followed from each entity. `contained_by`: ids that are not retrieved, since
    whoever asks has them. `pick` and `omit` tell also what linked entities show."""

    inline: bool
    level: int = 1
    contained_by: frozenset[str] = frozenset()
    pick: Projection = NOTHING
    omit: Projection = NOTHING

    def into(self, relationship: str) -> Join:
        """The join as an entity behind that Relationship sees it."""
        return Join(
            self.inline, self.level - 1, self.contained_by, self.pick.of(relationship), self.omit.of(relationship)
        )

    def projected(self, entity: Entity) -> Entity:
        """What is shown of an entity itself."""
        if not self.pick.names and not self.omit.names:
            return entity
        shown = project(entity, pick=self.pick.with_heads, omit=self.omit.plain)
        if self.pick.paths or self.omit.paths:
            return only_parts(shown, Parts(self.pick.paths, self.omit.paths))
        return shown


@dataclass(frozen=True, slots=True)
class Link:
    """Where a Relationship leads: `types` are the entity types it names (objectType), none if it names none."""

    target: str
    types: tuple[str, ...]
    join: Join


def links(entities: Iterable[Entity], join: Join) -> Iterator[Link]:
    """The links out of entities that are still to be followed."""
    if join.level < 1:
        return
    for entity in entities:
        for name, instance in _relationships(join.projected(entity)):
            given = instance.get("objectType", ())
            types = (given,) if isinstance(given, str) else tuple(t for t in given if isinstance(t, str))
            inner = join.into(name)
            for target in _targets(instance):
                if target not in join.contained_by:
                    yield Link(target, types, inner)


def inline(entities: Iterable[Entity], found: Found, join: Join, *, decided: bool = False) -> list[Entity]:
    """The entities as they are shown, with the linked ones in their Relationships (clause 4.5.23.2), none within
    itself. TooManyResults beyond `MAX_INLINE` of them. `decided`: for a q, what leads to nothing says so."""
    filling = _Filling(found, decided)
    return [_inline(entity, filling, join, ()) for entity in entities]


@dataclass(slots=True)
class _Filling:
    found: Found
    decided: bool
    count: int = 0


def _inline(entity: Entity, filling: _Filling, join: Join, above: Collection[str]) -> Entity:
    shown = join.projected(entity)
    if join.level < 1:
        return shown
    above = {*above, str(entity.get("id", ""))}
    held = {}
    for name, member in shown.items():
        if name not in ENTITY_MEMBERS and name != "@context":
            inner = join.into(name)
            if isinstance(member, list):
                held[name] = [_filled(one, filling, inner, above) for one in member]
            else:
                held[name] = _filled(member, filling, inner, above)
    return {**shown, **held}


def flat(entities: list[Entity], found: Found, join: Join) -> list[tuple[Entity, Entity]]:
    """The entities as they are shown, and behind them each linked one once (clause 4.5.23.3), level by level; with each
    the whole of it."""
    rows = [(join.projected(entity), entity) for entity in entities]
    seen = {str(entity.get("id", "")) for entity in entities}
    ahead = list(links(entities, join))
    while ahead:
        following: list[Link] = []
        for link in ahead:
            entity = found.get(link.target)
            if entity is not None and link.target not in seen:
                seen.add(link.target)
                rows.append((link.join.projected(entity), entity))
                following.extend(links([entity], link.join))
        ahead = following
    return rows


def _filled(instance: Any, filling: _Filling, join: Join, above: Collection[str]) -> Any:
    if not isinstance(instance, dict) or _kind(instance) is None:
        return instance
    found = filling.found
    targets = [target for target in _targets(instance) if target in found and target not in above]
    filling.count += len(targets)
    if filling.count > MAX_INLINE:
        raise TooManyResults(
            f"the answer would have more than {MAX_INLINE} linked entities; ask for fewer levels, or flat",
            field="joinLevel",
            clause="4.5.23.1",
        )
    inner = [_inline(found[target], filling, join, above) for target in targets]
    if not inner:
        return {**instance, "entity": []} if filling.decided else instance
    if isinstance(instance.get("object"), str):
        return {**instance, "entity": inner[0]}
    return {**instance, "entityList" if "objectList" in instance else "entity": inner}


def _relationships(entity: Entity) -> Iterator[tuple[str, Entity]]:
    for name, member in entity.items():
        if name in ENTITY_MEMBERS:
            continue
        for instance in member if isinstance(member, list) else [member]:
            if isinstance(instance, dict) and _kind(instance) is not None:
                yield name, instance


def _kind(instance: Entity) -> str | None:
    kind = instance.get("type")
    return kind if kind in ("Relationship", "ListRelationship") else None


def _targets(instance: Entity) -> list[str]:
    value = instance.get("object")
    if value is None:
        value = uris(instance.get("objectList"))
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
