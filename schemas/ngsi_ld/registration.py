"""Context source registrations (clauses 5.2.9–5.2.12, 5.9): JSON as clients send it ↔ `Platform`. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.geometry import GEOMETRIES, GeometryError, check
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.platform import Coverage, EntityPattern, Mode, Platform

TYPE = "ContextSourceRegistration"
PREFIX = "urn:ngsi-ld:ContextSourceRegistration:"
MAX_TIMEOUT_MS = 60_000
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f\x7f]+")
_ENDPOINT = re.compile(r"https?://[^\s/?#]+[^\s<>\"]*")


def new_id() -> str:
    """A registration id of our own."""
    return PREFIX + secrets.token_hex(12)


def is_uri(text: str) -> bool:
    return _URI.fullmatch(text) is not None


def registration_id(platform_id: str) -> str:
    """The registration's id of a platform: its own if that is a URI, else a URN made of it."""
    return platform_id if is_uri(platform_id) else PREFIX + platform_id


def from_registration(document: object, context: Context, *, tenant: str) -> Platform:
    """The platform that a posted registration makes. BadRequestData names the member that is wrong."""
    if not isinstance(document, dict):
        raise BadRequestData("a registration is a JSON object", field="body", clause="5.9.2")
    if document.get("type") != TYPE:
        raise BadRequestData(f"the type is {TYPE}", field="type", value=document.get("type"), clause="5.2.9")
    given = document.get("id")
    if given is not None and not (isinstance(given, str) and is_uri(given)):
        raise BadRequestData("the id is a URI", field="id", value=given, clause="5.2.9")
    endpoint = document.get("endpoint")
    if not isinstance(endpoint, str) or not _ENDPOINT.fullmatch(endpoint):
        raise BadRequestData("the endpoint is an http(s) URI", field="endpoint", value=endpoint, clause="5.2.9")
    information = _information(document.get("information"), context)
    return Platform(
        id=given or new_id(),
        adapter="ngsi_ld",
        endpoint=endpoint.rstrip("/"),
        name=_text(document, "registrationName") or _text(document, "description") or "",
        registry_tenant=tenant,
        tenant=_text(document, "tenant"),
        coverage=_coverage(information, document, context),
        mode=_mode(document),
        timeout_ms=_timeout(document),
    )


def _information(value: object, context: Context) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise BadRequestData("information is a list with at least one member", field="information", clause="5.2.9")
    found = []
    for n, info in enumerate(value):
        where = f"information[{n}]"
        if not isinstance(info, dict) or not info:
            raise BadRequestData("each is an object with entities or names of attributes", field=where, clause="5.2.10")
        read: dict[str, Any] = {}
        if "entities" in info:
            read["entities"] = _entities(info["entities"], where + ".entities", context)
        for member in ("propertyNames", "relationshipNames"):
            if member in info:
                read[member] = [context.expand(n) for n in _names(info[member], f"{where}.{member}")]
        if not read:
            raise BadRequestData("it names neither entities nor attributes", field=where, clause="5.2.10")
        found.append(read)
    return found


def _entities(value: object, where: str, context: Context) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise BadRequestData("a list with at least one member", field=where, clause="5.2.10")
    found = []
    for n, entity in enumerate(value):
        at = f"{where}[{n}]"
        if not isinstance(entity, dict):
            raise BadRequestData("each is an object with a type", field=at, clause="5.2.8")
        types = _names(entity.get("type"), at + ".type")
        read: dict[str, Any] = {"type": [context.expand(t) for t in types]}
        if "id" in entity:
            if not isinstance(entity["id"], str) or not is_uri(entity["id"]):
                raise BadRequestData("the id is a URI", field=at + ".id", value=entity["id"], clause="5.2.8")
            read["id"] = entity["id"]
        if "idPattern" in entity:
            if not isinstance(entity["idPattern"], str):
                raise BadRequestData("a regular expression", field=at + ".idPattern", clause="5.2.8")
            compile_pattern(entity["idPattern"], at + ".idPattern")
            read["idPattern"] = entity["idPattern"]
        found.append(read)
    return found


def _names(value: object, where: str) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
        raise BadRequestData("a name or a list of names", field=where, value=value, clause="5.2.10")
    return names


def _coverage(information: list[dict[str, Any]], document: Mapping[str, Any], context: Context) -> Coverage:
    patterns: list[EntityPattern] = []
    attributes: set[str] = set()
    partial = True
    for info in information:
        named = {*info.get("propertyNames", ()), *info.get("relationshipNames", ())}
        partial = partial and bool(named)
        attributes |= named
        for entity in info.get("entities", ()):
            patterns.extend(EntityPattern(t, entity.get("id"), entity.get("idPattern")) for t in entity["type"])
    if any("entities" not in info for info in information):
        patterns = []
    location = document.get("location")
    if location is not None:
        geometry(location, "location")
    kept = {k: v for k, v in document.items() if k not in ("@context", "information", "createdAt", "modifiedAt")}
    return Coverage(
        entities=tuple(patterns),
        attributes=frozenset(attributes) if partial else frozenset(),
        geometry=location,
        registration=kept | {"information": information},
    )


def geometry(value: object, field: str) -> dict[str, Any]:
    """A GeoJSON geometry as it was given; BadRequestData names `field`."""
    if isinstance(value, dict) and value.get("type") in GEOMETRIES:
        try:
            check(value["type"], value.get("coordinates"))
        except GeometryError as e:
            raise BadRequestData(f"no GeoJSON geometry: {e}", field=field, clause="4.7") from None
        return value
    raise BadRequestData("no GeoJSON geometry", field=field, clause="4.7")


def _mode(document: Mapping[str, Any]) -> Mode:
    mode = document.get("mode", "inclusive")
    try:
        return Mode(mode)
    except ValueError:
        raise BadRequestData(
            "inclusive, exclusive, redirect or auxiliary", field="mode", value=mode, clause="4.3.6.3"
        ) from None


def _timeout(document: Mapping[str, Any]) -> int:
    management = document.get("management", {})
    if not isinstance(management, dict):
        raise BadRequestData("an object", field="management", clause="5.2.34")
    timeout = management.get("timeout", 3000)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 1 <= timeout <= MAX_TIMEOUT_MS:
        raise BadRequestData(
            f"milliseconds from 1 to {MAX_TIMEOUT_MS}", field="management.timeout", value=timeout, clause="5.2.34"
        )
    return int(timeout)


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise BadRequestData("a text that is not empty", field=name, value=value, clause="5.2.9")
    return value


def to_registration(platform: Platform, context: Context) -> dict[str, Any]:
    """The registration as an NGSI-LD client sees it, in its own context. Credentials are nowhere in it."""
    coverage = platform.coverage
    posted = coverage.registration or {}
    information = posted.get("information") or _described(coverage)
    document: dict[str, Any] = {
        **posted,
        "id": registration_id(platform.id),
        "type": TYPE,
        "endpoint": platform.endpoint,
        "mode": platform.mode.value,
        "information": [_compacted(info, context) for info in information],
        "createdAt": platform.created_at,
        "modifiedAt": platform.modified_at,
    }
    if platform.tenant:
        document["tenant"] = platform.tenant
    if coverage.geometry is not None:
        document["location"] = coverage.geometry
    if platform.name:
        document.setdefault("description", platform.name)
    return document


def _described(coverage: Coverage) -> list[dict[str, Any]]:
    info: dict[str, Any] = {}
    if coverage.entities:
        info["entities"] = [
            {k: v for k, v in (("type", [p.type]), ("id", p.id), ("idPattern", p.id_pattern)) if v and v != [None]}
            for p in coverage.entities
        ]
    if coverage.attributes:
        info["propertyNames"] = sorted(coverage.attributes)
    return [info]


def _compacted(info: Mapping[str, Any], context: Context) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if "entities" in info:
        shown["entities"] = [_shown_entity(e, context) for e in info["entities"]]
    for member in ("propertyNames", "relationshipNames"):
        if member in info:
            shown[member] = [context.compact(n) for n in info[member]]
    return shown


def _shown_entity(entity: Mapping[str, Any], context: Context) -> dict[str, Any]:
    shown = dict(entity)
    types = [context.compact(t) for t in entity.get("type", ())]
    if types:
        shown["type"] = types[0] if len(types) == 1 else types
    return shown
