"""What patches make of a stored entity (clauses 5.6.2 to 5.6.5, 5.6.19, 5.5.8). Pure: nothing given is changed.

Stored entities are normalized with IRIs as names. What a patch leaves alone is the same object in its result.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import NotFound
from schemas.ngsi_ld.entity_fragment import Deletion, Fragment, Instance
from schemas.ngsi_ld.model import NULL

Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Patched:
    """`refused`: what was left as it was (attributes by their IRIs), with the reason."""

    entity: Entity
    refused: Mapping[str, str] = field(default_factory=dict)


def append(entity: Entity, fragment: Fragment, *, overwrite: bool = True) -> Patched:
    """Append Attributes (clause 5.6.3)."""
    made, refused = _with_attributes(entity, fragment, overwrite=overwrite)
    head = fragment.head
    add_types(made, head.types)
    if head.scope is not None:
        made["scope"] = head.scope if overwrite else _united(made.get("scope"), head.scope)
    if head.expires_at is not None:
        if overwrite or "expiresAt" not in made:
            made["expiresAt"] = head.expires_at
        else:
            refused["expiresAt"] = _THERE
    return Patched(made, refused)


def update(entity: Entity, fragment: Fragment) -> Patched:
    """Update Attributes (clause 5.6.2): a scope only replaces one that is there."""
    made, refused = _with_attributes(entity, fragment, overwrite=True)
    head = fragment.head
    add_types(made, head.types)
    if head.scope is not None:
        if "scope" in entity:
            set_or_remove(made, "scope", head.scope)
        elif head.scope != NULL:
            refused["scope"] = "The entity has no scope that could be replaced."
    set_or_remove(made, "expiresAt", head.expires_at)
    return Patched(made, refused)


def replace_attribute(entity: Entity, iri: str, instance: Instance, name: str) -> Entity:
    """Replace Attribute (clause 5.6.19). Raises NotFound if there is no such instance."""
    old = instances_of(entity.get(iri))
    at = position(old, instance.get("datasetId"))
    if at is None:
        raise no_instance(name, instance.get("datasetId"))
    return {**entity, iri: joined([*old[:at], instance, *old[at + 1 :]])}


def delete_attribute(entity: Entity, iri: str, name: str, *, dataset: str | None = None, every: bool = False) -> Entity:
    """Delete Attribute (clause 5.6.5): one instance, or `every` one. `iri` may be `scope`. Raises NotFound."""
    old = instances_of(entity.get(iri))
    at = position(old, dataset) if iri != "scope" else None
    if not old or (at is None and not every and iri != "scope"):
        raise no_instance(name, dataset)
    left = [] if every or at is None else [*old[:at], *old[at + 1 :]]
    return with_instances(entity, iri, left)


def drop_members(entity: Entity, names: Collection[str]) -> Entity:
    """Purge with `drop` (clause 5.6.21): without these members; id and type stay."""
    return {name: one for name, one in entity.items() if name not in names or name in ("id", "type")}


def keep_members(entity: Entity, names: Collection[str]) -> Entity:
    """Purge with `keep` (clause 5.6.21): only these members, id and type."""
    return {name: one for name, one in entity.items() if name in names or name in ("id", "type")}


def instances_of(member: Any) -> list[Any]:
    """The instances of a stored attribute."""
    if member is None:
        return []
    return member if isinstance(member, list) else [member]


def joined(instances: list[Any]) -> Any:
    """The member that these instances make."""
    return instances[0] if len(instances) == 1 else instances


def with_instances(entity: Entity, iri: str, instances: list[Any]) -> Entity:
    """The entity with these instances of the attribute; without it if there are none."""
    if not instances:
        return {name: one for name, one in entity.items() if name != iri}
    return {**entity, iri: joined(instances)}


def position(instances: list[Any], dataset: object) -> int | None:
    """Where the instance with this datasetId is (None: the default one)."""
    return next((at for at, one in enumerate(instances) if one.get("datasetId") == dataset), None)


def no_instance(name: str, dataset: object) -> NotFound:
    """For raising: the entity has no such attribute, or not with this datasetId."""
    which = "" if dataset is None else f" with datasetId {dataset}"
    return NotFound(f"The entity has no attribute {name}{which}.", field=name, value=dataset, clause="5.6.4")


def add_types(entity: Entity, types: Collection[str]) -> None:
    """Types that the entity has not yet join it (clause 5.5.8)."""
    given = entity["type"]
    there = [given] if isinstance(given, str) else list(given)
    new = [one for one in dict.fromkeys(types) if one not in there]
    if new:
        entity["type"] = [*there, *new]


def set_or_remove(entity: Entity, name: str, value: Any) -> None:
    """`None` leaves it, NGSI-LD Null removes it."""
    if value == NULL:
        entity.pop(name, None)
    elif value is not None:
        entity[name] = value


_THERE = "It is there already, and must not be overwritten."


def _with_attributes(entity: Entity, fragment: Fragment, *, overwrite: bool) -> tuple[Entity, dict[str, str]]:
    made = dict(entity)
    refused: dict[str, str] = {}
    for iri, parts in fragment.attributes.items():
        instances = list(instances_of(entity.get(iri)))
        for part in parts:
            at = position(instances, part.dataset if isinstance(part, Deletion) else part.get("datasetId"))
            if isinstance(part, Deletion):
                if at is not None:
                    del instances[at]
            elif at is None:
                instances.append(part)
            elif overwrite:
                instances[at] = part
            else:
                refused[iri] = _THERE
        if instances != instances_of(entity.get(iri)):
            made = with_instances(made, iri, instances)
    return made, refused


def _united(old: Any, new: Any) -> Any:
    scopes = list(dict.fromkeys([*instances_of(old), *instances_of(new)]))
    return joined(scopes)
