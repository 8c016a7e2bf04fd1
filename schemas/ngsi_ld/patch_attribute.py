"""Partial Attribute Update (clauses 5.6.4 and 5.5.8): members of one instance are replaced one by one. Pure."""

from __future__ import annotations

from typing import Any, Final

from schemas.ngsi_ld.concise import is_geometry, is_instance
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.entity import EntityReader, without_keywords
from schemas.ngsi_ld.entity_fragment import Instance, dataset_of, deletes
from schemas.ngsi_ld.entity_values import Limits, bad
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, KIND_OF_MEMBER, NULL, VALUE_MEMBER
from schemas.ngsi_ld.patch import Entity, instances_of, joined, no_instance, position, with_instances

_TERMS: Final = frozenset({"vocab", "objectType", "valueType", "entityTypeSealed"})
_IGNORED: Final = frozenset({"datasetId", "createdAt", "modifiedAt", "deletedAt", "instanceId", "lang"})


def attribute_fragment(obj: object, name: str) -> dict[str, Any]:
    """The members of an attribute that were sent. Raises BadRequestData if there are none."""
    if not isinstance(obj, dict):
        raise bad(name, "a fragment of an attribute is a JSON object", obj, "5.6.4")
    given = {member: value for member, value in without_keywords(obj).items() if member != "@context"}
    if not given:
        raise bad(name, "the fragment is empty", None, "5.6.4")
    if is_geometry(given):
        # the concise form of a GeoProperty (clause 4.5.2.3)
        return {"type": "GeoProperty", "value": given}
    return given


def whole_attribute(
    given: dict[str, Any], iri: str, name: str, context: Context, limits: Limits = Limits()
) -> Instance:
    """The instance that a fragment is by itself (clause 5.6.19). Raises BadRequestData."""
    if not is_instance(given):
        raise bad(name, f"it has no type and none of {', '.join(KIND_OF_MEMBER)}", None, "5.6.19")
    return EntityReader(context, limits).instance(iri, given, name, 0)


def update_attribute(
    entity: Entity, iri: str, given: dict[str, Any], name: str, context: Context, limits: Limits = Limits()
) -> Entity:
    """A stored entity with the fragment's members in one instance of the attribute `iri`.

    NGSI-LD Null removes a member; as the value it removes the instance. Raises NotFound, and BadRequestData for a
    fragment that makes no valid attribute.
    """
    dataset = dataset_of(given, name)
    instances = instances_of(entity.get(iri))
    at = position(instances, dataset)
    if at is None:
        raise no_instance(name, dataset)
    old: dict[str, Any] = instances[at]
    kind = given.get("type", old["type"])
    if kind != old["type"]:
        raise bad(f"{name}.type", f"it is a {old['type']}, which an update can't change", kind, "5.6.4")
    if deletes(given):
        return with_instances(entity, iri, [*instances[:at], *instances[at + 1 :]])
    holder = VALUE_MEMBER[old["type"]]
    reader = EntityReader(context, limits)
    made = dict(old)
    for member, value in given.items():
        if member in _IGNORED or member == "type":
            continue
        if member in KIND_OF_MEMBER and member != holder:
            raise bad(f"{name}.{member}", f"a {old['type']} has {holder} instead", None, "5.6.4")
        key = member if member in ATTRIBUTE_MEMBERS else reader.name(member, name, {})
        if value == NULL or (key != member and deletes(value)):
            made.pop(key, None)
        elif key != member:
            made[key] = reader.attribute(key, value, f"{name}.{member}", 1)
        else:
            made[key] = _expanded(value, context) if member in _TERMS else value
    # What is stored has IRIs for names, which mean themselves in the core context.
    instance = EntityReader(CORE, limits).instance(iri, made, name, 0)
    return {**entity, iri: joined([*instances[:at], instance, *instances[at + 1 :]])}


def _expanded(value: Any, context: Context) -> Any:
    if isinstance(value, list):
        return [context.expand(one) if isinstance(one, str) else one for one in value]
    return context.expand(value) if isinstance(value, str) else value
