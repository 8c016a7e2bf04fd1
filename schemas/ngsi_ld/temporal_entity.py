"""What a provider sends as a temporal evolution (clause 5.2.20), checked and taken apart into instances.

Beside what `entity` reads: any number of instances of one datasetId, the deleted instance (clause 4.5.7, a value
`urn:ngsi-ld:null`), the simplified form (clause 4.5.9), and a scope that changed in time (clause 4.5.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from schemas.errors import BadRequestData
from schemas.ngsi_ld.concise import is_instance
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.entity import Limits, parse_entity
from schemas.ngsi_ld.entity_values import bad
from schemas.ngsi_ld.instants import is_datetime, read_datetime
from schemas.ngsi_ld.model import ENTITY_MEMBERS, KIND_OF_MEMBER, NULL, VALUE_MEMBER
from schemas.ngsi_ld.names import is_scope
from schemas.ngsi_ld.temporal import Instance

MAX_INSTANCES: Final = 100_000
_STAND_IN: Final = {
    "Property": 0,
    "GeoProperty": {"type": "Point", "coordinates": [0, 0]},
    "LanguageProperty": {"@none": ""},
    "JsonProperty": {},
    "VocabProperty": "null",
    "ListProperty": [],
    "Relationship": NULL + ":",
    "ListRelationship": [],
}
"""A value that every reader of that kind takes, in place of a null."""
_SERIES: Final = {
    "values": "value",
    "objects": "object",
    "languageMaps": "languageMap",
    "vocabs": "vocab",
    "jsons": "json",
    "valueLists": "valueList",
    "objectLists": "objectList",
}
_DROPPED: Final = ("createdAt", "modifiedAt", "deletedAt", "instanceId", "datasetId")
_ANY: Final = {"id": "urn:ngsi-ld:Any:1", "type": "Any"}


@dataclass(frozen=True, slots=True)
class Evolution:
    """`types` are IRIs; a fragment may have none."""

    id: str
    types: tuple[str, ...]
    instances: list[Instance]


def ended(one: Instance, now: datetime) -> Instance:
    """An instance whose value is null says that the attribute was deleted (clause 4.5.7): now, if it does not say
    when."""
    holder = VALUE_MEMBER.get(str(one.body.get("type")), "value")
    if one.deleted_at is None and one.body.get(holder) == null_of(str(one.body.get("type"))):
        return replace(one, deleted_at=now)
    return one


def null_of(kind: str) -> Any:
    """The value that a deleted instance of this kind has."""
    return {"@none": NULL} if kind == "LanguageProperty" else NULL


def parse_evolution(obj: object, *, context: Context, fragment: bool = False, limits: Limits = Limits()) -> Evolution:
    """An EntityTemporal, or with `fragment` a piece of one that needs no id and type.

    Raises BadRequestData only; `field` is the path of what is wrong.
    """
    if not isinstance(obj, dict):
        raise bad("entity", "an entity is a JSON object", obj, "5.2.20")
    given = {**obj, **{name: obj.get(name, _ANY[name]) for name in ("id", "type") if fragment}}
    head = parse_entity({n: v for n, v in given.items() if n in ("id", "type", "expiresAt")}, context=context)
    typed = not fragment or "type" in obj
    types = head["type"] if isinstance(head["type"], list) else [head["type"]]
    found: list[Instance] = []
    names: dict[str, str] = {}
    for name, member in obj.items():
        if name == "scope":
            found += _scopes(member)
        elif name not in ENTITY_MEMBERS:
            made = list(_instances(name, member, context, limits))
            for one in made[:1]:
                if names.setdefault(one.attribute, name) != name:
                    raise bad(name, f"another member has the same meaning ({one.attribute})", name, "5.5.7")
            found += made
        if len(found) > MAX_INSTANCES:
            raise bad(name, f"there are more than {MAX_INSTANCES} instances", None, "5.2.20")
    if fragment and not found and not typed:
        raise bad("entity", "there is nothing to add", None, "5.6.12")
    return Evolution(head["id"], tuple(types) if typed else (), found)


def parse_instance(name: str, obj: object, *, context: Context, limits: Limits = Limits()) -> Instance:
    """One instance of attribute `name`, in any form that `only_instance` takes."""
    one = only_instance(name, obj, context)
    return next(_scopes(one)) if name == "scope" else _instance(name, one, name, context, limits)


def only_instance(name: str, obj: object, context: Context) -> dict[str, Any]:
    """One instance of attribute `name` as it was sent: itself, in an array, or as the only attribute of an entity
    fragment (clause 5.6.14), which may have the entity's id and type (clause 5.4). BadRequestData for what is no
    instance, several, or one of another attribute."""
    if isinstance(obj, dict) and not is_instance(obj):
        inner = {key: value for key, value in obj.items() if key not in ENTITY_MEMBERS or key == name}
        if len(inner) == 1:
            ((key, obj),) = inner.items()
            if context.expand(key) != context.expand(name):
                raise bad(key, f"the instance is one of {name}", key, "5.6.14")
    if isinstance(obj, list) and len(obj) == 1:
        obj = obj[0]
    if isinstance(obj, dict):
        obj = {key: value for key, value in obj.items() if key != "@context"}
    if not isinstance(obj, dict) or not is_instance(obj):
        raise bad(name, "exactly one instance of the attribute is needed", obj, "5.6.14")
    return obj


def _instances(name: str, member: Any, context: Context, limits: Limits) -> Iterator[Instance]:
    several = isinstance(member, list) and bool(member) and all(is_instance(one) or _series(one) for one in member)
    for at, one in enumerate(member if several else [member]):
        path = f"{name}[{at}]" if several else name
        series = _series(one)
        if series is None:
            yield _instance(name, one, path, context, limits)
            continue
        for pair_at, pair in enumerate(one[series]):
            if not isinstance(pair, list) or len(pair) != 2:
                raise bad(f"{path}.{series}[{pair_at}]", "it must be an array of a value and a time", pair, "4.5.9")
            holder = _SERIES[series]
            value = pair[0]
            if isinstance(value, dict) and value.keys() == {holder}:
                value = value[holder]
            rest = {key: inner for key, inner in one.items() if key != series}
            yield _instance(name, {**rest, holder: value, "observedAt": pair[1]}, path, context, limits)


def _series(one: object) -> str | None:
    if not isinstance(one, dict):
        return None
    return next((name for name in _SERIES if isinstance(one.get(name), list)), None)


def _instance(name: str, given: Any, path: str, context: Context, limits: Limits) -> Instance:
    prepared, holder, null = _without_null(given)
    try:
        entity = parse_entity({**_ANY, name: prepared}, context=context, limits=limits)
    except BadRequestData as error:
        raise _located(error, name, path) from None
    iri = next(key for key in entity if key not in ("id", "type"))
    body: dict[str, Any] = entity[iri]
    if holder is not None:
        body[holder] = null
    return Instance(
        iri,
        body.get("datasetId", ""),
        read_datetime(body["observedAt"]) if "observedAt" in body else None,
        _deleted(given, path),
        {key: value for key, value in body.items() if key not in _DROPPED},
    )


def _located(error: BadRequestData, name: str, path: str) -> BadRequestData:
    """The same error at the instance of which it is true."""
    field, detail = error.field or name, error.detail
    if path != name and field.startswith(name):
        field, detail = path + field[len(name) :], path + detail[len(name) :]
    return BadRequestData(detail, field=field, value=error.value, clause=error.clause)


def _without_null(given: Any) -> tuple[Any, str | None, Any]:
    if not is_instance(given):
        return given, None, None
    kind = given.get("type") or next(KIND_OF_MEMBER[member] for member in KIND_OF_MEMBER if member in given)
    holder = VALUE_MEMBER[kind]
    value = given.get(holder)
    if value != NULL and not (kind == "LanguageProperty" and value == {"@none": NULL}):
        return given, None, None
    return {**given, "type": kind, holder: _STAND_IN[kind]}, holder, null_of(kind)


def _deleted(given: Any, path: str) -> datetime | None:
    at = given.get("deletedAt") if isinstance(given, dict) else None
    if at is None:
        return None
    if not is_datetime(at):
        raise bad(f"{path}.deletedAt", "it must be a DateTime in UTC such as 2026-04-01T09:00:00Z", at, "4.6.3")
    return read_datetime(at)


def _scopes(member: Any) -> Iterator[Instance]:
    """A plain scope, or instances of one (clause 4.5.6: a Property with nothing but temporal properties)."""
    if _series(member) == "values" and all(isinstance(pair, list) and len(pair) == 2 for pair in member["values"]):
        # the simplified form (clause 4.5.9)
        member = [{"value": value, "observedAt": at} for value, at in member["values"]]
    several = member if isinstance(member, list) and any(isinstance(one, dict) for one in member) else [member]
    for at, one in enumerate(several):
        path = f"scope[{at}]" if len(several) > 1 else "scope"
        value = one.get("value") if isinstance(one, dict) else one
        if isinstance(one, dict) and one.get("type", "Property") != "Property":
            raise bad(path, "a scope is represented as a Property", one.get("type"), "4.5.6")
        for scope in value if isinstance(value, list) else [value]:
            if value != NULL and not is_scope(scope):
                raise bad(path, "a scope is like /Tokyo/Minato: names of letters, numbers and _", scope, "4.18")
        observed = one.get("observedAt") if isinstance(one, dict) else None
        if observed is not None and not is_datetime(observed):
            raise bad(f"{path}.observedAt", "it must be a DateTime in UTC", observed, "4.6.3")
        body = {"type": "Property", "value": value} | ({} if observed is None else {"observedAt": observed})
        yield Instance("scope", "", read_datetime(observed) if observed else None, _deleted(one, path), body)
