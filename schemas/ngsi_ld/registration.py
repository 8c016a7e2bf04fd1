"""Context source registrations (clauses 5.2.9–5.2.12, 5.9): JSON as clients send it ↔ `Platform`. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.model import NULL
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.registration_members import (
    KNOWN,
    READ_ONLY,
    distribution_of,
    mode_of,
    shown_info,
    text_of,
    timeout_of,
)
from schemas.platform import Coverage, EntityPattern, Information, Mode, Platform

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


def from_registration(document: object, context: Context, *, tenant: str, now: datetime | None = None) -> Platform:
    """The platform that a posted registration makes. BadRequestData names the member that is wrong.

    `now`: one that has expired by then is refused (clause 5.9.2.4). Secrets of its contextSourceInfo are not in it:
    `registration_members.secrets_of` gives them.
    """
    if not isinstance(document, dict):
        raise BadRequestData("a registration is a JSON object", field="body", clause="5.9.2")
    for name, value in document.items():
        if value == NULL:
            raise BadRequestData("only an update may take a member away", field=name, value=value, clause="5.5.4")
    if document.get("type") != TYPE:
        raise BadRequestData(f"the type is {TYPE}", field="type", value=document.get("type"), clause="5.2.9")
    given = document.get("id")
    if given is not None and not (isinstance(given, str) and is_uri(given)):
        raise BadRequestData("the id is a URI", field="id", value=given, clause="5.2.9")
    endpoint = document.get("endpoint")
    if not isinstance(endpoint, str) or not _ENDPOINT.fullmatch(endpoint):
        raise BadRequestData("the endpoint is an http(s) URI", field="endpoint", value=endpoint, clause="5.2.9")
    mode = mode_of(document)
    information = _information(document.get("information"), context, exclusive=mode is Mode.EXCLUSIVE)
    if mode is Mode.EXCLUSIVE:
        _check_exclusive(information)
    timeout = timeout_of(document, MAX_TIMEOUT_MS)
    description = text_of(document, "description")
    terms = distribution_of(document, mode, now)
    return Platform(
        id=given or new_id(),
        adapter="ngsi_ld",
        endpoint=endpoint.rstrip("/"),
        name=text_of(document, "registrationName") or description or "",
        registry_tenant=tenant,
        tenant=text_of(document, "tenant"),
        coverage=_coverage(information, document, context),
        distribution=terms,
        mode=mode,
        timeout_ms=timeout,
    )


def _check_exclusive(information: list[dict[str, Any]]) -> None:
    """An exclusive registration is for attributes of single entities (clause 4.3.6.3)."""
    for n, info in enumerate(information):
        where = f"information[{n}]"
        if not info.get("propertyNames") and not info.get("relationshipNames"):
            raise BadRequestData("an exclusive registration names attributes", field=where, clause="4.3.6.3")
        if not info.get("entities") or any("id" not in entity for entity in info["entities"]):
            raise BadRequestData(
                "an exclusive registration names entities by their id", field=where + ".entities", clause="4.3.6.3"
            )


def _information(value: object, context: Context, *, exclusive: bool) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise BadRequestData("information is a list with at least one member", field="information", clause="5.2.9")
    found = []
    for n, info in enumerate(value):
        where = f"information[{n}]"
        if not isinstance(info, dict) or not info:
            raise BadRequestData("each is an object with entities or names of attributes", field=where, clause="5.2.10")
        read: dict[str, Any] = {}
        if "entities" in info:
            read["entities"] = _entities(info["entities"], where + ".entities", context, exclusive=exclusive)
        for member in ("propertyNames", "relationshipNames"):
            if member in info:
                read[member] = [context.expand(n) for n in _names(info[member], f"{where}.{member}")]
        if not read:
            raise BadRequestData("it names neither entities nor attributes", field=where, clause="5.2.10")
        found.append(read)
    return found


def _entities(value: object, where: str, context: Context, *, exclusive: bool) -> list[dict[str, Any]]:
    """With a type each (clause 5.2.8); an exclusive registration is for one by its id (4.3.6.3), which will do."""
    if not isinstance(value, list) or not value:
        raise BadRequestData("a list with at least one member", field=where, clause="5.2.10")
    found = []
    for n, entity in enumerate(value):
        at = f"{where}[{n}]"
        if not isinstance(entity, dict):
            raise BadRequestData("each is an object with a type", field=at, clause="5.2.8")
        read: dict[str, Any] = {}
        if "type" in entity or not (exclusive and "id" in entity):
            read["type"] = [context.expand(t) for t in _names(entity.get("type"), at + ".type")]
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
    exact = tuple(map(_exact, information))
    # taken together they cover at least what each of them does
    every = not all(info.entities for info in exact)
    partial = all(info.attributes for info in exact)
    kept = {
        name if name in KNOWN else context.expand(name): value
        for name, value in document.items()
        if name not in READ_ONLY and name not in ("@context", "information") and value is not None
    }
    if "contextSourceInfo" in kept:
        kept["contextSourceInfo"] = shown_info(kept["contextSourceInfo"])
    return Coverage(
        entities=() if every else tuple(pattern for info in exact for pattern in info.entities),
        attributes=frozenset().union(*(info.attributes for info in exact)) if partial else frozenset(),
        geometry=document.get("location"),
        registration=kept | {"information": information},
        information=exact if len(exact) > 1 else (),
    )


def _exact(info: dict[str, Any]) -> Information:
    patterns = [
        EntityPattern(t, entity.get("id"), entity.get("idPattern"))
        for entity in info.get("entities", ())
        for t in entity.get("type") or [None]
    ]
    return Information(tuple(patterns), frozenset((*info.get("propertyNames", ()), *info.get("relationshipNames", ()))))


def to_registration(platform: Platform, context: Context, *, sys_attrs: bool = False) -> dict[str, Any]:
    """The registration as an NGSI-LD client sees it, in its own context. Credentials are nowhere in it."""
    coverage = platform.coverage
    posted = {
        name if name in KNOWN else context.compact(name): value for name, value in (coverage.registration or {}).items()
    }
    information = posted.get("information") or _described(coverage)
    document: dict[str, Any] = {
        **posted,
        "id": registration_id(platform.id),
        "type": TYPE,
        "endpoint": platform.endpoint,
        "mode": platform.mode.value,
        "information": [_compacted(info, context) for info in information],
    }
    if sys_attrs:
        document |= {"createdAt": platform.created_at, "modifiedAt": platform.modified_at}
    if platform.distribution.operations:
        document["operations"] = list(platform.distribution.operations)
    if platform.tenant:
        document["tenant"] = platform.tenant
    if coverage.geometry is not None:
        document["location"] = coverage.geometry
    if platform.name and coverage.registration is None:
        document["description"] = platform.name
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
