"""Going through a normalized entity: which of its members are attributes, and where an attribute keeps its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from schemas.ngsi_ld.model import ENTITY_MEMBERS, KIND_OF_MEMBER, VALUE_MEMBER

Entity: TypeAlias = dict[str, Any]
Reshape: TypeAlias = Callable[[Any, int], Any]
"""(member of an entity or attribute, depth) → the member in another shape."""

DEPTH: Final = 32
"""Sub-attributes and linked entities below this are left as they are; sources may send anything."""


def each(entity: Mapping[str, Any], reshape: Reshape, depth: int = 0) -> Entity:
    """The entity with every attribute reshaped and all other members as they are."""
    return {name: member if name in ENTITY_MEMBERS else reshape(member, depth) for name, member in entity.items()}


def linked(entities: Any, reshape: Reshape, depth: int) -> Any:
    """Inline linked entities (clause 4.5.23.2), one or an array of them, reshaped likewise."""
    if depth >= DEPTH:
        return entities
    if isinstance(entities, list):
        return [each(one, reshape, depth + 1) if isinstance(one, dict) else one for one in entities]
    return each(entities, reshape, depth + 1) if isinstance(entities, dict) else entities


def holder_of(instance: Mapping[str, Any]) -> str | None:
    """The member with the value of an instance, None if it is no attribute."""
    kind = instance.get("type")
    holder = VALUE_MEMBER.get(kind) if isinstance(kind, str) else None
    if holder is not None and holder in instance:
        return holder
    return next((member for member in KIND_OF_MEMBER if member in instance), None)


def uris(objects: Any) -> Any:
    """The URIs of a ListRelationship, whose members may be wrapped in objects (clause 4.5.22)."""
    if not isinstance(objects, list):
        return objects
    return [item["object"] if isinstance(item, dict) and "object" in item else item for item in objects]
