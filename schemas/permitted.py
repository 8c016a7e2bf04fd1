"""What of a write a right to write covers. Pure.

A clause is a rectangle (`schemas.narrowing`), and one clause has to cover all of a write: what the entity is before and
after it, and each attribute that it sets, changes or takes away. What is not covered is named, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from schemas.errors import BadRequestData, Forbidden
from schemas.narrowing import Clause
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.entity_fragment import parse_fragment
from schemas.ngsi_ld.geo import GeoQuery
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.write import TEMPORAL, Write, typed_by

Entity = Mapping[str, Any]
"""Normalized, names of attributes and types as IRIs."""
LOCATION: Final = CORE.expand("location")
ATTRIBUTES: Final = "attributes"
"""What is lacking where a write takes away attributes that can't be seen."""
_OWN: Final = frozenset({"scope", "expiresAt"})
"""Members of the entity itself that can be written; they belong to no attribute."""
_CREATING: Final = frozenset({"createEntity", "createBatch"})
_DELETING: Final = frozenset({"deleteEntity", "deleteBatch", "deleteTemporal"})


def uncovered_change(clause: Clause, before: Entity | None, after: Entity | None) -> list[str]:
    """Of a change that is known: what was there (None: nothing), and what will be. An attribute that is the same object
    in both was not touched."""
    there, then = before or {}, after or {}
    touched = [name for name in {**there, **then} if there.get(name) is not then.get(name)]
    written = [name for name in touched if name not in ENTITY_MEMBERS or name in _OWN]
    return _uncovered(clause, before, after, written, _types(there), _types(then))


def uncovered_write(clause: Clause, write: Write, before: Entity | None) -> list[str]:
    """Of a write that is sent on: as it was sent, and what is there now (None: nothing, or nothing that matters)."""
    there = before or {}
    written = [*write.names.values(), *(name for name in write.members if name in _OWN)]
    if removes_all(write):
        written += [name for name in there if name not in ENTITY_MEMBERS or name in _OWN]
    named = _named(write)
    types = named if before is None or removes_all(write) else named | _types(there)
    if write.operation in _DELETING:
        return _uncovered(clause, before, None, written, _types(there), frozenset())
    after: dict[str, Any] = {} if removes_all(write) else dict(there)
    if clause.area is not None and LOCATION in written:
        after[LOCATION] = _location(write)
    return _uncovered(clause, before, after, list(dict.fromkeys(written)), _types(there), types)


def uncovered_names(clause: Clause, write: Write) -> list[str]:
    """Of a write alone, whatever is there: the types and attributes that it names."""
    written = [*write.names.values(), *(name for name in write.members if name in _OWN)]
    lacking = [name for name in written if clause.attributes and name not in clause.attributes]
    if clause.area is not None and write.operation in TEMPORAL and LOCATION not in lacking:
        # where an entity was is not told by where it is
        lacking.append(LOCATION)
    if clause.attributes and write.operation == "deleteTemporal":
        # an entity that is there now does not tell what its evolution has
        lacking.append(ATTRIBUTES)
    return ["type", *lacking] if clause.types and not _named(write) <= clause.types else lacking


def removes_all(write: Write) -> bool:
    """Whether nothing of what is there stays but what the write tells."""
    if write.operation == "upsertBatch":
        return "update" not in write.params.get("options", "").split(",")
    return write.operation == "replaceEntity" or write.operation in _DELETING


def looks(clause: Clause, write: Write) -> bool:
    """Whether it matters what is there before the write is sent on. What creates is refused where there is
    something."""
    if clause.whole or write.operation in _CREATING:
        return False
    return bool(clause.types or clause.area is not None or removes_all(write))


def needs_one(write: Write) -> bool:
    """Whether the write makes sense only where the entity is there."""
    return write.operation not in _CREATING | {"upsertBatch", "upsertTemporal"}


def refusal(lacking: Sequence[Sequence[str]]) -> Forbidden:
    """By what each of the rights lacks; the one that lacks least is told."""
    least = min(lacking, key=len, default=())
    if not least:
        return Forbidden("no agreement of the caller covers this write", field="agreement")
    names = ", ".join(dict.fromkeys(CORE.compact(name) for name in least))
    return Forbidden(f"no agreement of the caller covers writing: {names}", field=names)


def in_iris(entity: Mapping[str, Any]) -> dict[str, Any]:
    """A normalized entity in the core @context with IRIs for the names of its types and attributes."""
    made = {name if name in ENTITY_MEMBERS else CORE.expand(name): value for name, value in entity.items()}
    return made | {"type": [CORE.expand(name) for name in _types(entity)]}


def _uncovered(
    clause: Clause,
    before: Entity | None,
    after: Entity | None,
    written: Iterable[str],
    had: frozenset[str],
    has: frozenset[str],
) -> list[str]:
    found: list[str] = []
    if clause.types and (
        (before is not None and had.isdisjoint(clause.types)) or (after is not None and not has - had <= clause.types)
    ):
        found.append("type")
    elif clause.attributes and before is not None and after is not None and not has <= had:
        # the types of an entity are none of its attributes
        found.append("type")
    area = clause.area
    if area is not None and not all(state is None or _within(area, state) for state in (before, after)):
        found.append(LOCATION)
    if clause.attributes:
        found += [name for name in written if name not in clause.attributes and name not in found]
    return found


def _named(write: Write) -> frozenset[str]:
    """The types that the write itself gives the entity."""
    return frozenset() if write.attribute is not None else typed_by(write.body, write.context)


def _types(entity: Entity) -> frozenset[str]:
    given = entity.get("type", ())
    return frozenset((given,) if isinstance(given, str) else given)


def _within(area: GeoQuery, entity: Entity) -> bool:
    """Whether the entity has a location, and all that it has lie in the area."""
    given = entity.get(LOCATION)
    places = given if isinstance(given, list) else [given]
    return bool(places) and all(area.matches({area.geoproperty: place}) for place in places)


def _location(write: Write) -> Any:
    """The location as the write tells it; None where it does not tell all of it, or where it is deleted."""
    body = write.body
    if write.attribute is not None:
        body = {write.attribute: body}
    said = {name: value for name, value in (body or {}).items() if write.context.expand(name) == LOCATION}
    try:
        parts = parse_fragment(said, context=write.context, entity_id=write.id).attributes.get(LOCATION, [])
    except BadRequestData:
        return None
    if not all(isinstance(part, dict) for part in parts):
        return None
    return [dict(part) for part in parts if isinstance(part, dict)]
