"""Entities as earlier versions of the specification know them (clause 4.3.6.8). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from schemas.ngsi_ld.model import ENTITY_MEMBERS, VALUE_MEMBER
from schemas.ngsi_ld.walk import DEPTH, Entity, uris

Version: TypeAlias = tuple[int, int]
"""Major, minor."""

CURRENT: Final[Version] = (1, 9)
SINGLE: Final[Version] = (1, 3)
"""Before it an entity has one type, and an attribute one instance."""
_ENTITY: Final[Mapping[str, Version]] = {"expiresAt": (1, 9), "scope": (1, 4)}
_MEMBERS: Final[Mapping[str, Version]] = {
    "datasetId": (1, 3),
    "observedAt": (1, 3),
    "unitCode": (1, 3),
    "objectType": (1, 8),
    "expiresAt": (1, 9),
    "valueType": (1, 9),
}
_KINDS: Final[Mapping[str, tuple[Version, str]]] = {
    "LanguageProperty": ((1, 4), "Property"),
    "JsonProperty": ((1, 8), "Property"),
    "VocabProperty": ((1, 8), "Property"),
    "ListProperty": ((1, 8), "Property"),
    "ListRelationship": ((1, 8), "Relationship"),
}
"""Since when there is a kind of attribute, and what it is before (Table 4.3.6.8-1)."""


def older(entity: Entity, version: Version) -> Entity:
    """A normalized entity in the terms of `version`; the very same object if that changes nothing.

    What came later is left out or told as what there was: a VocabProperty as a Property with the same value, of several
    types or instances the first, or the default one.
    """
    if version >= CURRENT:
        return entity
    made: Entity = {}
    changed = False
    for name, member in entity.items():
        if name in ENTITY_MEMBERS:
            if version < _ENTITY.get(name, version):
                changed = True
                continue
            kept = member[0] if name == "type" and version < SINGLE and isinstance(member, list) and member else member
        else:
            kept = _older_attribute(member, version, 0)
        made[name] = kept
        changed = changed or kept is not member
    return made if changed else entity


def _older_attribute(member: Any, version: Version, depth: int) -> Any:
    if depth > DEPTH:
        return member
    if isinstance(member, list):
        if version < SINGLE and member:
            default = (one for one in member if isinstance(one, dict) and "datasetId" not in one)
            return _older_attribute(next(default, member[0]), version, depth + 1)
        rows = [_older_attribute(one, version, depth + 1) for one in member]
        return member if all(new is old for new, old in zip(rows, member, strict=True)) else rows
    return _older_instance(member, version, depth) if isinstance(member, dict) else member


def _older_instance(instance: Entity, version: Version, depth: int) -> Entity:
    kind = str(instance.get("type"))
    since, before = _KINDS.get(kind, (version, ""))
    holder = VALUE_MEMBER[kind] if version < since else None
    made: Entity = {}
    changed = False
    for name, inner in instance.items():
        if version < _MEMBERS.get(name, version):
            changed = True
        elif holder is not None and name == "type":
            made["type"], changed = before, True
        elif holder is not None and name == holder:
            made[VALUE_MEMBER[before]] = uris(inner) if before == "Relationship" else inner
        elif isinstance(inner, dict) and "type" in inner and name not in VALUE_MEMBER.values():
            made[name] = _older_instance(inner, version, depth + 1) if depth < DEPTH else inner
            changed = changed or made[name] is not inner
        else:
            made[name] = inner
    return made if changed else instance
