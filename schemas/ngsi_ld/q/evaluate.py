"""A tree made into one predicate over normalized entities (clause 4.9, semantics; clause 4.5.1, shape).

Of several instances of an attribute (datasetId) any may fulfil a term. Within one instance `==` asks for any and `!=`
for none of the members of an array or the values of a languageMap. Ordering and patterns do not look into arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from schemas.errors import OperationNotSupported
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS, KIND_OF_MEMBER, SCALAR_MEMBERS, VALUE_MEMBER
from schemas.ngsi_ld.q.ast import And, Exists, Hop, Node, Or, Path
from schemas.ngsi_ld.q.scan import CLAUSE
from schemas.ngsi_ld.q.values import Target, judge

Entity: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Entity], bool]
_Find: TypeAlias = Callable[[Entity], list[Target]]

_NO_VALUE = ENTITY_MEMBERS - {"@context"}


def build(node: Node) -> Test:
    """The predicate. It raises OperationNotSupported for a linked entity that is not inline."""
    if isinstance(node, And | Or):
        return _logic([build(term) for term in node.terms], decisive=isinstance(node, Or))
    find = _finder(node.path)
    if isinstance(node, Exists):
        wanted = not node.negated
        return lambda entity: bool(find(entity)) is wanted
    fulfils = judge(node.op, node.value)
    return lambda entity: any(map(fulfils, find(entity)))


def _logic(tests: list[Test], *, decisive: bool) -> Test:
    def holds(entity: Entity) -> bool:
        for test in tests:
            if test(entity) is decisive:
                return decisive
        return not decisive

    return holds


def _finder(path: Path) -> _Find:
    if path.hops:
        inner = _finder(Path(path.names, path.members, path.hops[1:]))
        hop = path.hops[0]
        return lambda entity: [target for linked in _linked(entity, hop) for target in inner(linked)]
    first, *rest = path.names
    members = path.members
    if first in _NO_VALUE:
        return lambda entity: [Target((entity[first],))] if first in entity and not rest and not members else []
    return lambda entity: _descend(entity.get(first), rest, members)


def instances(member: object) -> list[dict[str, Any]]:
    """The instances of an attribute: one object, or an array of objects that differ in datasetId (clause 4.5.5)."""
    if isinstance(member, dict):
        return [member]
    return [one for one in member if isinstance(one, dict)] if isinstance(member, list) else []


def _descend(member: object, names: list[str], members: tuple[str, ...]) -> list[Target]:
    found = instances(member)
    if not names:
        return [target for instance in found if (target := _target(instance, members)) is not None]
    name, *rest = names
    if name in SCALAR_MEMBERS:
        return [Target((one[name],)) for one in found if name in one] if not rest and not members else []
    if name in ATTRIBUTE_MEMBERS:
        return []
    return [target for one in found for target in _descend(one.get(name), rest, members)]


def _target(instance: dict[str, Any], members: tuple[str, ...]) -> Target | None:
    """The target values of one instance, None if the target element does not exist."""
    kind = instance.get("type")
    holder = VALUE_MEMBER.get(kind) if isinstance(kind, str) else None
    if holder is None:
        holder = next((member for member in KIND_OF_MEMBER if member in instance), "value")
    if holder not in instance:
        return None
    value = instance[holder]
    if holder == "languageMap":
        return _languages(value, members)
    if holder in ("object", "objectList", "vocab"):
        return None if members else Target((_objects(value),), relationship=holder != "vocab", vocab=holder == "vocab")
    for member in members:
        if not isinstance(value, dict) or member not in value:
            return None
        value = value[member]
    return Target((value,))


def _languages(value: object, members: tuple[str, ...]) -> Target | None:
    if not isinstance(value, dict) or len(members) > 1:
        return None
    if not members or members[0] == "*":
        return Target(tuple(value.values()))
    wanted = members[0].lower()
    found = tuple(text for tag, text in value.items() if tag.lower() == wanted)
    return Target(found) if found else None


def _objects(value: object) -> object:
    """URIs of a Relationship or ListRelationship; the latter may wrap each in an object (clause 4.5.22)."""
    if isinstance(value, list):
        return [item.get("object") if isinstance(item, dict) else item for item in value]
    return value


def _linked(entity: Entity, hop: Hop) -> Iterator[dict[str, Any]]:
    for instance in instances(entity.get(hop.relationship)):
        found = instance.get("entity", instance.get("entityList"))
        if found is None:
            if "object" not in instance and "objectList" not in instance:
                continue
            raise OperationNotSupported(
                f"q follows '{hop.relationship}' into linked entities; they are not inline, and joins are not offered.",
                field="q",
                value=hop.relationship,
                clause=CLAUSE,
            )
        for linked in instances(found):
            types = linked.get("type")
            held = types if isinstance(types, list) else [types]
            if not hop.types or any(name in held for name in hop.types):
                yield linked
