"""An entity as rows: what is stored of it, checked and stamped. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from broker.store.entity_expiry import expiry_of
from broker.store.text import require_key, require_storable
from schemas.errors import BadRequestData
from schemas.ngsi_ld.geometry import geometry_of
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS

Entity: TypeAlias = dict[str, Any]
Bounds: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

_STAMPED = frozenset({"createdAt", "modifiedAt", "deletedAt"})
_LEAST, _MOST = -(2**63), 2**64 - 1
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Row:
    """`boxes`: per instance of a GeoProperty the attribute's IRI and the bounds of its geometry. `entity`: what `text`
    says; `expires_at`: the entity's end, `next_expiry`: that of the first part of it (clause 4.22)."""

    id: str
    types: tuple[str, ...]
    entity: Entity
    text: str
    boxes: tuple[tuple[str, Bounds], ...]
    expires_at: datetime | None
    next_expiry: datetime | None


def make_row(entity: Mapping[str, Any], previous: Mapping[str, Any] | None, now: datetime) -> Row:
    """The row of a normalized entity with expanded names, that replaces `previous` at `now`.

    Attributes and their attributes get createdAt and modifiedAt (clause 4.8); one that was there before, under the same
    name and datasetId, keeps its createdAt, and one that is the very object of `previous` keeps both. The entity's own
    two are columns. Raises `BadRequestData` that names the member which can't be stored.
    """
    name = _id(entity)
    types = types_of(entity)
    if not types:
        raise BadRequestData("An entity needs a type.", field="type", clause="4.5.1")
    for one in types:
        require_key(one, "type")
    instant = stamp(now)
    stored: Entity = {}
    for member, value in entity.items():
        if previous is not None and member not in ENTITY_MEMBERS and previous.get(member) is value:
            stored[member] = value
            continue
        _require_storable(value, member)
        if member in ENTITY_MEMBERS:
            if member not in _STAMPED:
                stored[member] = value
        else:
            stored[member] = _stamped(value, (previous or {}).get(member), instant, 0)
    try:
        text = orjson.dumps(stored).decode()
    except TypeError as error:
        # Names and values are checked above; what remains is nesting.
        raise BadRequestData(f"The entity can't be stored: {error}.", field=name) from None
    return Row(name, types, stored, text, tuple(_boxes(stored)), *expiry_of(stored))


def types_of(entity: Mapping[str, Any]) -> tuple[str, ...]:
    """The entity's types, each once, in order."""
    given = entity.get("type")
    return tuple(sorted({given} if isinstance(given, str) else {one for one in given or () if isinstance(one, str)}))


def stamp(instant: datetime) -> str:
    """An instant in UTC as NGSI-LD writes it (clause 4.6.3), to the millisecond."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def _id(entity: Mapping[str, Any]) -> str:
    name = entity.get("id")
    if not isinstance(name, str) or not name:
        raise BadRequestData("An entity needs an id.", field="id", clause="4.5.1")
    require_key(name, "id")
    return name


def _instances(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _stamped(value: Any, previous: Any, instant: str, depth: int) -> Any:
    known = {old.get("datasetId"): old for old in _instances(previous) if isinstance(old, dict)}
    done = [
        _stamped_one(one, known.get(_hashable(one.get("datasetId"))), instant, depth) if isinstance(one, dict) else one
        for one in _instances(value)
    ]
    return done if isinstance(value, list) else done[0]


def _stamped_one(one: dict[str, Any], old: dict[str, Any] | None, instant: str, depth: int) -> dict[str, Any]:
    if one is old:
        return one
    made = {}
    for member, inner in one.items():
        if member in ATTRIBUTE_MEMBERS or depth >= _DEEPEST:
            if member not in _STAMPED:
                made[member] = inner
        else:
            made[member] = _stamped(inner, (old or {}).get(member), instant, depth + 1)
    made["createdAt"] = (old or {}).get("createdAt", instant)
    made["modifiedAt"] = instant
    if depth and old is not None and _same(made, old):
        # A sub-attribute that is sent again unchanged with its attribute was not modified.
        made["modifiedAt"] = old.get("modifiedAt", instant)
    return made


def _same(new: dict[str, Any], old: dict[str, Any]) -> bool:
    return new.keys() == old.keys() and all(new[name] == old[name] for name in new if name != "modifiedAt")


def _hashable(dataset: object) -> str | None:
    return dataset if isinstance(dataset, str) else None


def _require_storable(value: object, member: str) -> None:
    """Text without NUL, numbers that JSON and the parser know, nothing else than JSON; without recursion."""
    require_storable(member, member)
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            require_storable(one, member)
        elif isinstance(one, dict):
            rest.extend(one)
            rest.extend(one.values())
        elif isinstance(one, list | tuple):
            rest.extend(one)
        elif isinstance(one, bool) or one is None:
            continue
        elif isinstance(one, int):
            if not _LEAST <= one <= _MOST:
                raise BadRequestData("An integer has more than 64 bits.", field=member, value=str(one)[:200])
        elif not isinstance(one, float) or not math.isfinite(one):
            raise BadRequestData("A value is nothing that JSON knows.", field=member, value=one)


def _boxes(entity: Entity) -> Iterator[tuple[str, Bounds]]:
    for member, value in entity.items():
        if member in ENTITY_MEMBERS:
            continue
        for one in _instances(value):
            if isinstance(one, dict) and one.get("type") == "GeoProperty":
                geometry = geometry_of(one.get("value"))
                if geometry is not None:
                    require_key(member, member)
                    yield member, bounds_of(geometry["coordinates"])


def bounds_of(coordinates: Any) -> Bounds:
    """The bounds of a geometry's coordinates, which `schemas.ngsi_ld.geometry.check` has passed."""
    positions = list(_positions(coordinates))
    longitudes = [float(position[0]) for position in positions]
    latitudes = [float(position[1]) for position in positions]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _positions(value: Any) -> Iterator[Any]:
    if isinstance(value[0], list | tuple):
        for inner in value:
            yield from _positions(inner)
    else:
        yield value
