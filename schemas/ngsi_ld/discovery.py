"""What there is of types and attributes (clauses 5.2.25 to 5.2.28), read from a platform's answer and put together over
several. Names are IRIs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.ngsi_ld.context import CORE


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """Of one type. `attributes`: name → kinds of attribute (Property, …) under that name."""

    count: int = 0
    """Entities; an estimate where several sources have some, since one entity may be at more than one of them."""
    attributes: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttributeInfo:
    """Of one attribute. `count`: entities that have it, as of `TypeInfo`."""

    count: int = 0
    kinds: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)


def united(tables: Iterable[Mapping[str, Iterable[str]]]) -> dict[str, list[str]]:
    """What any of them has under a name, sorted."""
    found: dict[str, set[str]] = {}
    for table in tables:
        for name, values in table.items():
            found.setdefault(name, set()).update(values)
    return {name: sorted(found[name]) for name in sorted(found)}


def types_united(told: Iterable[TypeInfo]) -> TypeInfo:
    """What several say of one type."""
    every = list(told)
    return TypeInfo(sum(one.count for one in every), united(one.attributes for one in every))


def attributes_united(told: Iterable[AttributeInfo]) -> AttributeInfo:
    """What several say of one attribute."""
    every = list(told)
    return AttributeInfo(
        sum(one.count for one in every),
        sorted({kind for one in every for kind in one.kinds}),
        sorted({name for one in every for name in one.types}),
    )


def table_in(rows: object, member: str) -> dict[str, list[str]]:
    """Of EntityTypes (`attributeNames`) or Attributes (`typeNames`) that a platform gave in core terms; what is none is
    left out."""
    found = {}
    for row in rows if isinstance(rows, list) else ():
        name = _named(row)
        if name:
            found[name] = _names(row.get(member))
    return found


def attribute_names_in(told: object) -> list[str]:
    """Of an AttributeList."""
    return _names(told.get("attributeList")) if isinstance(told, dict) else []


def type_info_in(told: object) -> TypeInfo:
    """An EntityTypeInfo."""
    if not isinstance(told, dict):
        return TypeInfo()
    rows = told.get("attributeDetails")
    details = {_named(row): _texts(row.get("attributeTypes")) for row in _objects(rows)}
    return TypeInfo(_count(told.get("entityCount")), {name: kinds for name, kinds in details.items() if name})


def attribute_info_in(told: object) -> AttributeInfo:
    """An Attribute."""
    if not isinstance(told, dict):
        return AttributeInfo()
    kinds, types = _texts(told.get("attributeTypes")), _names(told.get("typeNames"))
    return AttributeInfo(_count(told.get("attributeCount")), kinds, types)


def _named(row: object) -> str:
    if not isinstance(row, dict):
        return ""
    names = (row.get(key) for key in ("id", "typeName", "attributeName"))
    return next((CORE.expand(name) for name in names if isinstance(name, str) and name), "")


def _names(value: object) -> list[str]:
    return sorted(map(CORE.expand, _texts(value)))


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str) and one] if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
