"""The subset of JSON Schema in which manifests describe options: enough to name the option that is wrong.

Keywords: type (one or several), enum, const, properties, required, additionalProperties, items, minItems, maxItems,
minimum, maximum, minLength, maxLength, default; title, description and examples are for people. A manifest that uses
another keyword is refused, so that no rule is written down and then not applied. An object that lists `properties` is
closed unless `additionalProperties` opens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.errors import BadRequestData, SettingsError

_KEYWORDS = frozenset(
    {
        "type",
        "enum",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "default",
        "title",
        "description",
        "examples",
        "$schema",
    }
)
_TYPES = frozenset(["object", "array", "string", "number", "integer", "boolean", "null"])
_MAX_MEMBERS = 1000


def check_schema(schema: Mapping[str, Any], where: str) -> None:
    """SettingsError if a schema uses what `fill` would not apply."""
    unknown = sorted(set(schema) - _KEYWORDS)
    if unknown:
        raise SettingsError(f"{where}: the keyword {unknown[0]!r} is not supported", field=where)
    if not set(_types_of(schema)) <= _TYPES:
        raise SettingsError(f"{where}: there is no such type", field=where, value=schema.get("type"))
    for name, member in schema.get("properties", {}).items():
        check_schema(member, f"{where}.{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), Mapping):
            check_schema(schema[keyword], f"{where}.{keyword}")


def fill(value: Any, schema: Mapping[str, Any], where: str) -> Any:
    """A copy of `value` with defaults, if it is as `schema` says; else BadRequestData with `field` = its path."""
    types = _types_of(schema)
    if types and not any(_is(value, name) for name in types):
        raise BadRequestData(f"{where} must be {_or(types)}", field=where, value=value)
    if "enum" in schema and value not in schema["enum"]:
        raise BadRequestData(f"{where} must be one of {', '.join(map(str, schema['enum']))}", field=where, value=value)
    if "const" in schema and value != schema["const"]:
        raise BadRequestData(f"{where} must be {schema['const']}", field=where, value=value)
    if isinstance(value, str):
        _within(len(value), schema, "minLength", "maxLength", where, value, "characters")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _within(value, schema, "minimum", "maximum", where, value, "")
    elif isinstance(value, list):
        _within(len(value), schema, "minItems", "maxItems", where, value, "items")
        items = schema.get("items", {})
        return [fill(item, items, f"{where}[{i}]") for i, item in enumerate(value)]
    elif isinstance(value, Mapping):
        return _fill_object(value, schema, where)
    return value


def _fill_object(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> dict[str, Any]:
    if len(value) > _MAX_MEMBERS:
        raise BadRequestData(f"{where} has more than {_MAX_MEMBERS} members", field=where)
    properties: Mapping[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties", "properties" not in schema)
    found: dict[str, Any] = {}
    for name, member in value.items():
        path = f"{where}.{name}"
        if name in properties:
            found[name] = fill(member, properties[name], path)
        elif others is False:
            known = ", ".join(sorted(properties)) or "none"
            raise BadRequestData(f"there is no option {path}; there are: {known}", field=path, value=member)
        else:
            found[name] = member if others is True else fill(member, others, path)
    for name in schema.get("required", ()):
        if name not in found:
            raise BadRequestData(f"{where}.{name} is missing", field=f"{where}.{name}")
    for name, member in properties.items():
        if name not in found and "default" in member:
            found[name] = member["default"]
    return found


def _types_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def _is(value: Any, name: str) -> bool:
    match name:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(size: float, schema: Mapping[str, Any], low: str, high: str, where: str, value: Any, unit: str) -> None:
    for keyword, bad, words in (
        (low, size < schema.get(low, size), "least"),
        (high, size > schema.get(high, size), "most"),
    ):
        if bad:
            raise BadRequestData(
                f"{where} must be at {words} {schema[keyword]} {unit}".rstrip(), field=where, value=value
            )


def _or(types: tuple[str, ...]) -> str:
    words = [("an " if t[0] in "aio" else "a ") + t if t != "null" else "null" for t in types]
    return " or ".join(words)
