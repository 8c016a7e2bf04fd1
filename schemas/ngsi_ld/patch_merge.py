"""Merge Patch (clauses 5.5.12 and 5.6.17): into an entity, its attributes and the objects in their values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from schemas.ngsi_ld.concise import is_geometry, is_instance
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.entity import EntityReader, is_instance_by_keyword, without_keywords
from schemas.ngsi_ld.entity_fragment import (
    attributes_of,
    dataset_of,
    deletes,
    each_instance,
    members_of,
    read_head,
    refuse_twice,
)
from schemas.ngsi_ld.entity_values import Limits, bad
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, KIND_OF_MEMBER, NULL, VALUE_MEMBER
from schemas.ngsi_ld.patch import Entity, add_types, instances_of, joined, position, set_or_remove, with_instances

_MARKS: Final = frozenset({"datasetId", "observedAt", "unitCode", "expiresAt", "objectType", "valueType"})
"""An object without type and value that has one of these is a part of an attribute, not a value."""
_WRAPPED: Final = frozenset({"languageMap", "vocab", "json"})
_TERMS: Final = frozenset({"vocab", "objectType", "valueType", "entityTypeSealed"})
_READ_ONLY: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "instanceId", "lang", "@context"})
_DEEPEST: Final = 64


@dataclass(frozen=True, slots=True)
class Merging:
    """How to merge. `simplified`: the fragment has bare values (clause 4.5.4); `observed_at`: for attributes that have
    an observedAt and get none; `lang`: the language of texts for LanguageProperties."""

    context: Context
    simplified: bool = False
    observed_at: str | None = None
    lang: str | None = None
    limits: Limits = field(default_factory=Limits)


def merge(entity: Entity, fragment: object, how: Merging) -> Entity:
    """What the fragment makes of a stored entity. Raises BadRequestData; `field` is the path of what is wrong."""
    return _Merger(how).entity(entity, fragment)


def merge_value(old: Any, new: Any, depth: int = 0) -> Any:
    """RFC 7396 with the NGSI-LD Null for null."""
    if not isinstance(new, dict) or depth > _DEEPEST:
        return new
    made = dict(old) if isinstance(old, dict) else {}
    for name, value in new.items():
        if value == NULL:
            made.pop(name, None)
        else:
            made[name] = merge_value(made.get(name), value, depth + 1)
    return made


class _Merger:
    def __init__(self, how: Merging) -> None:
        self.how = how
        self.reader = EntityReader(how.context, how.limits)
        # What is stored has IRIs for names, which mean themselves in the core context.
        self.stored = EntityReader(CORE, how.limits)

    def entity(self, entity: Entity, fragment: object) -> Entity:
        given = members_of(fragment, entity["id"])
        head = read_head(self.reader, given, nulls=True)
        made = dict(entity)
        add_types(made, head.types)
        set_or_remove(made, "scope", head.scope)
        set_or_remove(made, "expiresAt", head.expires_at)
        seen: dict[str, Any] = {}
        for name, member in attributes_of(given):
            iri = self.reader.name(name, "", seen)
            seen[iri] = True
            old = instances_of(entity.get(iri))
            new = self.attribute(iri, old, member, str(name), 0)
            if new is not old:
                made = with_instances(made, iri, new)
        return made

    def attribute(self, iri: str, old: list[Any], member: Any, path: str, depth: int) -> list[Any]:
        """The instances that there are now; `old` itself if nothing happens to them."""
        if depth > self.how.limits.depth:
            raise bad(path, f"attributes are nested more than {self.how.limits.depth} deep", None, "4.5.2")
        parts = self.parts(member, path)
        refuse_twice(path, [dataset for _, _, dataset in parts])
        instances = list(old)
        changed = False
        for where, given, dataset in parts:
            at = position(instances, dataset)
            if deletes(given):
                if at is not None:
                    del instances[at]
                    changed = True
                continue
            changed = True
            if at is None:
                instances.append(self.added(iri, given, dataset, where, depth))
            else:
                merged = self.merged(instances[at], given, where, depth)
                instances[at] = self.stored.instance(iri, merged, where, depth)
        return instances if changed else old

    def parts(self, member: Any, path: str) -> list[tuple[str, Any, str | None]]:
        """Path, what was sent and datasetId of each instance."""
        sets = member.get("dataset") if isinstance(member, dict) and len(member) == 1 else None
        if isinstance(sets, dict) and sets:
            return [
                (f"{path}.dataset.{name}", one, dataset_of({"datasetId": name}, path)) for name, one in sets.items()
            ]
        if self.how.simplified:
            return [(path, member, None)]
        return [(where, one, dataset_of(one, where)) for where, one in each_instance(member, path)]

    def added(self, iri: str, given: Any, dataset: str | None, path: str, depth: int) -> dict[str, Any]:
        """An instance that was not there before."""
        given = merge_value(None, given)
        if self.how.simplified and not _wrapped(given):
            given = {"type": "GeoProperty" if is_geometry(given) else "Property", "value": given}
        made = self.reader.instance(iri, given, path, depth)
        return made if dataset is None else {**made, "datasetId": dataset}

    def merged(self, old: dict[str, Any], given: Any, path: str, depth: int) -> dict[str, Any]:
        """A stored instance with what was sent; not checked yet."""
        holder = VALUE_MEMBER[old["type"]]
        part = self.is_part(given) or self.is_inner(given, old)
        if not part:
            made = {**old, holder: self.value(old, holder, given, path)}
        else:
            made = self.with_members(old, holder, without_keywords(given), path, depth)
        observed = self.how.observed_at
        if observed is not None and "observedAt" in old and not (part and "observedAt" in given):
            made["observedAt"] = observed
        return made

    def is_part(self, given: Any) -> bool:
        """Whether it has members of an attribute, rather than being a value."""
        if self.how.simplified:
            return _wrapped(given)
        if not isinstance(given, dict):
            return False
        return (
            is_instance(given)
            or is_instance_by_keyword(given)
            or ("type" not in given and not _MARKS.isdisjoint(given))
        )

    def is_inner(self, given: Any, old: dict[str, Any]) -> bool:
        """Whether it has nothing but sub-attributes: such that are there, or that show what they are."""
        if self.how.simplified or not isinstance(given, dict) or not given or "type" in given:
            return False
        return all(_attribute(one) or self.how.context.expand(str(name)) in old for name, one in given.items())

    def with_members(
        self, old: dict[str, Any], holder: str, given: dict[str, Any], path: str, depth: int
    ) -> dict[str, Any]:
        kind = given.get("type", old["type"])
        if kind != old["type"]:
            raise bad(f"{path}.type", f"it is a {old['type']}, and merging keeps that", kind, "5.6.17")
        made = dict(old)
        for name, member in given.items():
            if name in ("type", "datasetId") or name in _READ_ONLY:
                continue
            if name in KIND_OF_MEMBER and name != holder:
                raise bad(f"{path}.{name}", f"a {old['type']} has {holder} instead", None, "5.6.17")
            if name == holder:
                made[name] = self.value(old, holder, member, f"{path}.{name}")
            elif name in ATTRIBUTE_MEMBERS:
                set_or_remove(made, name, self.term(member) if name in _TERMS else member)
            else:
                made = self.with_inner(made, name, member, path, depth)
        return made

    def with_inner(self, made: dict[str, Any], name: str, member: Any, path: str, depth: int) -> dict[str, Any]:
        iri = self.reader.name(name, path, {})
        old = instances_of(made.get(iri))
        new = self.attribute(iri, old, member, f"{path}.{name}", depth + 1)
        rest = {key: one for key, one in made.items() if key != iri}
        return {**rest, iri: joined(new)} if new else rest

    def value(self, old: dict[str, Any], holder: str, given: Any, path: str) -> Any:
        """The new value of an instance that keeps its type."""
        there = old.get(holder)
        if holder == "languageMap" and not isinstance(given, dict):
            if self.how.lang is None:
                raise bad(path, "a text for a LanguageProperty needs parameter lang", given, "6.5.3.4")
            return {**(there or {}), self.how.lang: given}
        if holder == "vocab":
            return self.term(given)
        return merge_value(there, given)

    def term(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.term(one) if isinstance(one, str) else one for one in value]
        return self.how.context.expand(value) if isinstance(value, str) and value != NULL else value


def _attribute(given: Any) -> bool:
    return isinstance(given, dict) and "type" in given and is_instance(given)


def _wrapped(given: Any) -> bool:
    """The three kinds of attribute that keep their member in the simplified representation."""
    return isinstance(given, dict) and len(given) == 1 and not _WRAPPED.isdisjoint(given)
