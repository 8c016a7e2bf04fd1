"""The concise representation (clauses 4.5.2.3, 4.5.3.3, 4.5.18.3 to 4.5.24.3): what it leaves out, and how that is
inferred again. It loses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.ngsi_ld.geometry import geometry_of
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, KIND_OF_MEMBER, VALUE_MEMBER
from schemas.ngsi_ld.walk import DEPTH, Entity, each, holder_of, linked


def to_concise(entity: Mapping[str, Any]) -> Entity:
    """Without everything that `from_any` infers."""
    return each(entity, _concise)


def from_any(entity: Mapping[str, Any]) -> Entity:
    """Normalized from normalized, concise, simplified or a mixture. A simplified Relationship can't be told from a
    text, so it becomes a Property. Nothing is validated; `entity.parse_entity` does that."""
    return each(entity, _normalized)


def is_instance(value: object) -> bool:
    """Whether it is an attribute (with or without its `type`) rather than a bare value."""
    if not isinstance(value, dict):
        return False
    if "type" in value:
        kind = value["type"]
        return isinstance(kind, str) and kind in VALUE_MEMBER
    return not KIND_OF_MEMBER.keys().isdisjoint(value)


def typed(value: Any) -> dict[str, Any]:
    """One instance with its `type` and the member that holds its value; sub-attributes stay as they are."""
    if not is_instance(value):
        return {"type": "GeoProperty" if is_geometry(value) else "Property", "value": value}
    instance: dict[str, Any] = value
    if "type" in instance:
        return instance
    holder = next(member for member in KIND_OF_MEMBER if member in instance)
    geo = holder == "value" and is_geometry(instance["value"])
    return {"type": "GeoProperty" if geo else KIND_OF_MEMBER[holder], **instance}


def is_geometry(value: object) -> bool:
    """A geometry as an object. As text (clause 4.7.2) it needs the type GeoProperty to be seen as one."""
    return isinstance(value, dict) and "coordinates" in value and geometry_of(value) is not None


def _concise(member: Any, depth: int) -> Any:
    if isinstance(member, list):
        # With a bare value in it, an array of instances would read as an array of values.
        return [_concise_one(one, depth, bare=False) if isinstance(one, dict) else one for one in member]
    return _concise_one(member, depth, bare=True) if isinstance(member, dict) else member


def _concise_one(instance: dict[str, Any], depth: int, *, bare: bool) -> Any:
    holder = holder_of(instance)
    if holder is None or depth > DEPTH:
        return instance
    kind = instance.get("type")
    geo = holder == "value" and is_geometry(instance["value"])
    inferred = "GeoProperty" if geo else KIND_OF_MEMBER[holder]
    if kind is not None and kind != inferred:
        return {"type": kind, **_inner(instance, depth)}
    if bare and holder == "value" and instance.keys() <= {"type", "value"}:
        value = instance["value"]
        if geo or _reads_back(value):
            return value
    return _inner(instance, depth)


def _inner(instance: dict[str, Any], depth: int) -> Entity:
    body: Entity = {}
    for name, member in instance.items():
        if name in ("entity", "entityList"):
            body[name] = linked(member, _concise, depth)
        elif name in ATTRIBUTE_MEMBERS:
            if name != "type":
                body[name] = member
        else:
            body[name] = _concise(member, depth + 1)
    return body


def _reads_back(value: Any) -> bool:
    """Whether a bare value is read as itself: an object could be taken for an attribute, an array of them for
    instances, and null for nothing."""
    if isinstance(value, dict):
        return "type" not in value and "dataset" not in value and KIND_OF_MEMBER.keys().isdisjoint(value)
    if isinstance(value, list):
        return not any(isinstance(item, dict) for item in value)
    return value is not None


def _normalized(member: Any, depth: int) -> Any:
    sets = member.get("dataset") if isinstance(member, dict) and len(member) == 1 else None
    if isinstance(sets, dict) and sets:
        # The simplified form of several instances (clause 4.5.4).
        return [
            {**_complete(typed(value), depth), **({} if name == "@none" else {"datasetId": name})}
            for name, value in sets.items()
        ]
    if isinstance(member, list) and member and all(map(is_instance, member)):
        return [_complete(typed(one), depth) for one in member]
    return _complete(typed(member), depth)


def _complete(instance: dict[str, Any], depth: int) -> Entity:
    body: Entity = {}
    for name, member in instance.items():
        if name == "objectList" and isinstance(member, list):
            body[name] = [{"object": item} if isinstance(item, str) else item for item in member]
        elif name in ("entity", "entityList"):
            body[name] = linked(member, _normalized, depth)
        elif name in ATTRIBUTE_MEMBERS or depth > DEPTH:
            body[name] = member
        else:
            body[name] = _normalized(member, depth + 1)
    return body
