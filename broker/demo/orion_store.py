"""Entities of an NGSIv2 server in memory: per Fiware-Service and ServicePath, in the order of their creation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from broker.demo.orion_geo import LOCATION_TYPES
from broker.demo.orion_query import FORBIDDEN, parse_instant

_ID_REFUSED = re.compile(r"[\x00-\x20\x7f-\U0010ffff&?/#]")
_PATH = re.compile(r"/(?:[A-Za-z0-9_]{1,50}(?:/[A-Za-z0-9_]{1,50}){0,9})?")
_DEFAULT_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "Boolean"),
    (int, "Number"),
    (float, "Number"),
    (str, "Text"),
    (dict, "StructuredValue"),
    (list, "StructuredValue"),
    (type(None), "None"),
)


class Refusal(Exception):
    """An answer in Orion's form: status, `error`, `description`."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


def bad_request(description: str) -> Refusal:
    return Refusal(400, "BadRequest", description)


@dataclass(slots=True)
class Stored:
    """One entity with what Orion keeps beside its attributes. `entity` is normalized; times are ISO 8601 in UTC."""

    service: str
    path: str
    entity: dict[str, Any]
    created: str
    modified: str
    attribute_times: dict[str, tuple[str, str]] = field(default_factory=dict)


def now_text() -> str:
    return instant_text(datetime.now(UTC).timestamp())


def instant_text(seconds: float) -> str:
    """`2018-08-07T11:10:00.000Z`, the form in which Orion gives every date."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Store:
    """(service, service path, id, type) → entity."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str, str], Stored] = {}

    def put(self, entity: dict[str, Any], service: str, path: str, *, trusted: bool = False) -> bool:
        """Create or append; True if it is new. `trusted` data may hold forbidden characters (TextUnrestricted)."""
        clean = normalize(entity, trusted=trusted)
        key = (service, path, clean["id"], clean["type"])
        now = now_text()
        row = self._rows.get(key)
        if row is None:
            times = {name: (now, now) for name in clean if name not in ("id", "type")}
            self._rows[key] = Stored(service, path, clean, now, now, times)
            return True
        for name, attribute in clean.items():
            if name not in ("id", "type"):
                created = row.attribute_times.get(name, (now, now))[0]
                row.entity[name] = attribute
                row.attribute_times[name] = (created, now)
        row.modified = now
        return False

    def has(self, entity_id: str, entity_type: str, service: str, path: str) -> bool:
        return (service, path, entity_id, entity_type) in self._rows

    def select(self, service: str, scopes: Iterable[str]) -> Iterator[Stored]:
        """Rows of a service below service paths: `/a` is that path only, `/a/#` it and what lies below."""
        exact = {s for s in scopes if not s.endswith("/#")}
        trees = [s[:-2] for s in scopes if s.endswith("/#")]
        for row in self._rows.values():
            if row.service == service and (
                row.path in exact or any(row.path == tree or row.path.startswith(tree + "/") for tree in trees)
            ):
                yield row

    def __len__(self) -> int:
        return len(self._rows)


def read_scopes(header: str | None, *, update: bool) -> list[str]:
    """The Fiware-ServicePath header: `/#` by default for reading and `/` for writing; at most ten, comma-separated."""
    if not header:
        return ["/" if update else "/#"]
    scopes = [part.strip() for part in header.split(",")]
    if len(scopes) > (1 if update else 10):
        raise bad_request("too many service paths in Fiware-ServicePath header")
    for scope in scopes:
        bare = scope[:-2] or "/" if scope.endswith("/#") and not update else scope
        if not _PATH.fullmatch(bare):
            raise bad_request("a component of ServicePath contains an illegal character or does not start with /")
    return scopes


def normalize(entity: dict[str, Any], *, trusted: bool = False) -> dict[str, Any]:
    """A copy with default types, `metadata` everywhere and dates in UTC; Refusal where Orion refuses."""
    if not isinstance(entity, dict) or not isinstance(entity.get("id"), str):
        raise bad_request("entity id is missing or not a string")
    clean: dict[str, Any] = {"id": _identifier(entity["id"]), "type": _identifier(entity.get("type", "Thing"))}
    for name, attribute in entity.items():
        if name not in ("id", "type"):
            clean[_identifier(name)] = _attribute(attribute, trusted)
    if sum(a["type"] in LOCATION_TYPES for n, a in clean.items() if n not in ("id", "type")) > 1:
        raise Refusal(413, "NoResourcesAvailable", "You cannot use more than one geo location attribute")
    return clean


def _identifier(text: object) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= 256 or _ID_REFUSED.search(text) or FORBIDDEN & set(text):
        raise bad_request("Invalid characters in entity id, type, attribute or metadata name")
    return text


def _attribute(attribute: object, trusted: bool) -> dict[str, Any]:
    if not isinstance(attribute, dict):
        raise bad_request("attribute must be a JSON object, unless keyValues option is used")
    value = attribute.get("value")
    kind = attribute.get("type") or _default_type(value)
    if not trusted and kind != "TextUnrestricted":
        _refuse_forbidden(value)
    metadata = {
        name: {"type": meta.get("type") or _default_type(meta.get("value")), "value": _dated(meta)}
        for name, meta in (attribute.get("metadata") or {}).items()
        if isinstance(meta, dict)
    }
    return {"type": kind, "value": _dated({"type": kind, "value": value}), "metadata": metadata}


def _dated(member: dict[str, Any]) -> Any:
    value = member.get("value")
    if member.get("type") in ("DateTime", "ISO8601") and isinstance(value, str):
        instant = parse_instant(value)
        if instant is None:
            raise bad_request("date has invalid format")
        return instant_text(instant)
    return value


def _default_type(value: object) -> str:
    return next(name for kind, name in _DEFAULT_TYPES if isinstance(value, kind))


def _refuse_forbidden(value: object) -> None:
    if isinstance(value, str) and FORBIDDEN.intersection(value):
        raise bad_request("Invalid characters in attribute value")
    if isinstance(value, dict):
        for name, member in value.items():
            _refuse_forbidden(name)
            _refuse_forbidden(member)
    elif isinstance(value, list):
        for item in value:
            _refuse_forbidden(item)
