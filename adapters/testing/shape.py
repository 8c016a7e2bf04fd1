"""Whether an entity is normalized NGSI-LD, as the contract promises. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.ngsi_ld.geometry import geometry_of
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS, SYSTEM_MEMBERS, VALUE_MEMBER

_DEPTH = 8
_URI_FORBIDDEN = frozenset(' "<>\\^`{|}')


def faults(entity: dict[str, Any]) -> Iterator[str]:
    """What is wrong with it, in words (clause 4.5.1); nothing if it is as it should be."""
    identifier = entity.get("id")
    if not is_uri(identifier):
        yield f"id {identifier!r} is no URI"
    types = entity.get("type")
    names = types if isinstance(types, list) else [types]
    if not names or not all(isinstance(name, str) and name for name in names):
        yield f"{identifier}: type {types!r} is no name and no list of names"
    if "@context" in entity:
        yield f"{identifier}: it brings an @context of its own"
    for name, member in entity.items():
        if name not in ENTITY_MEMBERS:
            for fault in _attribute(member, 0):
                yield f"{identifier}: {name} {fault}"


def is_uri(text: object) -> bool:
    """A scheme, a colon and something, without what RFC 3986 excludes."""
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        return False
    scheme, colon, rest = text.partition(":")
    letters = scheme.replace("+", "").replace("-", "").replace(".", "")
    return bool(colon and rest and letters.isalnum() and scheme[0].isalpha()) and _URI_FORBIDDEN.isdisjoint(text)


def _attribute(member: Any, depth: int) -> Iterator[str]:
    instances = member if isinstance(member, list) else [member]
    if not instances or not all(isinstance(one, dict) for one in instances):
        yield "is no attribute: neither an object nor a list of objects"
        return
    if len(instances) > 1 and len({one.get("datasetId") for one in instances}) < len(instances):
        yield "has several instances with the same datasetId"
    for one in instances:
        yield from _instance(one, depth)


def _instance(one: dict[str, Any], depth: int) -> Iterator[str]:
    kind = one.get("type")
    holder = VALUE_MEMBER.get(kind) if isinstance(kind, str) else None
    if holder is None:
        yield f"has the unknown type {kind!r}"
        return
    if holder not in one or one[holder] is None:
        yield f"is a {kind} without {holder}"
        return
    if kind == "GeoProperty" and geometry_of(one[holder]) is None:
        yield "is a GeoProperty whose value is no sound geometry"
    if kind == "Relationship":
        targets = one[holder] if isinstance(one[holder], list) else [one[holder]]
        if not all(is_uri(target) for target in targets):
            yield "is a Relationship to what is no URI"
    for name in (*SYSTEM_MEMBERS, "observedAt"):
        if name in one and (not isinstance(one[name], str) or read_datetime(one[name]) is None):
            yield f"has {name} that is no DateTime"
    if depth < _DEPTH:
        for name, inner in one.items():
            if name not in ATTRIBUTE_MEMBERS:
                for fault in _attribute(inner, depth + 1):
                    yield f"has {name} that {fault}"
