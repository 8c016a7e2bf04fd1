"""Provision operations on an NGSIv2 platform, as far as it can: as requests, and what comes back. Pure but for `send`.

| NGSI-LD | NGSIv2 |
|---|---|
| createEntity | `POST /entities` |
| replaceEntity | `PUT /entities/{id}/attrs` |
| appendAttrs, updateEntity, mergeEntity | `POST …/attrs` (`options=append` for noOverwrite); a null deletes |
| updateAttrs, replaceAttrs | `PUT /entities/{id}/attrs/{name}`, the latter with `options=overrideMetadata` |
| deleteAttrs, deleteEntity | `DELETE` |

Several instances of an attribute (datasetId), scopes, languages, vocabularies and ends have no counterpart: they are
refused, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import orjson

from adapters.contract import SourceContext
from adapters.ngsi_v2.asking import Scope
from adapters.ngsi_v2.names import Names, id_of
from adapters.status import raise_for_status
from adapters.upstream import Answer, Upstream
from schemas.errors import BadRequestData, NotFound
from schemas.ngsi_ld.entity import parse_entity
from schemas.ngsi_ld.entity_fragment import Deletion, parse_fragment
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS
from schemas.ngsi_ld.patch_attribute import whole_attribute
from schemas.ngsi_ld.write import Write, Written

Json = dict[str, Any]

OPERATIONS = frozenset(
    {
        *("createEntity", "replaceEntity", "mergeEntity", "deleteEntity"),
        *("appendAttrs", "updateEntity", "updateAttrs", "replaceAttrs", "deleteAttrs"),
    }
)
_ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
_VALUES = {"Property": "value", "GeoProperty": "value", "Relationship": "object", "JsonProperty": "json"}
_KEPT = frozenset({"type", "value", "object", "json", "observedAt", "unitCode"})


class Unsupported(Exception):
    """NGSIv2 has nothing for it; in words."""


class Speaker(Protocol):
    """What is needed of `NgsiV2Adapter`."""

    base: str
    names: Names
    scopes: tuple[Scope, ...]

    @property
    def upstream(self) -> Upstream: ...
    def headers_at(self, service_path: str | None) -> dict[str, str]: ...


async def send(speaker: Speaker, write: Write, ctx: SourceContext) -> Written:
    """Do it at the platform. What it can't do is an answer; SourceError where it can't be told what became of it."""
    if len(speaker.scopes) != 1:
        return _refused("the platform is registered with several service paths; which one is meant is not known")
    try:
        requests = requests_of(write, speaker.names)
    except (Unsupported, BadRequestData, NotFound) as e:
        return _refused(str(e))
    written = Written(204)
    headers = speaker.headers_at(speaker.scopes[0].path)
    for method, path, payload in requests:
        body = None if payload is None else orjson.dumps(payload)
        more = {**headers, "content-type": "application/json"} if body is not None else headers
        ctx.sent += len(body or b"")
        answer = await speaker.upstream.request(method, speaker.base + path, ctx=ctx, headers=more, body=body)
        written = read(answer, write)
        if written.problem is not None:
            return written
    return written


def requests_of(write: Write, names: Names) -> list[tuple[str, str, Any]]:
    """Method, path and body of each request, in order. Raises Unsupported, and BadRequestData for what is no entity."""
    entity_id, type_ = id_of(write.id)
    known = [t for iri in sorted(write.types) for t in names.v2_of(iri)]
    type_ = type_ or (known[0] if len(known) == 1 else None)
    path = "/entities/" + quote(entity_id, safe="")
    end = f"type={quote(type_, safe='')}" if type_ else ""
    match write.operation:
        case "createEntity":
            entity = parse_entity(write.body, context=write.context)
            made = {"id": entity_id, "type": _type(entity, names), **_attributes(entity, names)}
            return [("POST", "/entities", made)]
        case "replaceEntity":
            entity = parse_entity({"id": write.id, **write.body}, context=write.context)
            return [("PUT", _with(f"{path}/attrs", end), _attributes(entity, names))]
        case "deleteEntity":
            return [("DELETE", _with(path, end), None)]
        case "deleteAttrs":
            name = _name(write.context.expand(write.attribute or ""), names)
            return [("DELETE", _with(f"{path}/attrs/{quote(name, safe='')}", end), None)]
        case "updateAttrs" | "replaceAttrs":
            iri = write.context.expand(write.attribute or "")
            instance = whole_attribute(dict(write.body), iri, write.attribute or "", write.context)
            options = "options=overrideMetadata" if write.operation == "replaceAttrs" else ""
            target = _with(f"{path}/attrs/{quote(_name(iri, names), safe='')}", end, options)
            return [("PUT", target, _attribute(instance, names))]
        case "appendAttrs" | "updateEntity" | "mergeEntity":
            return _patched(write, names, path, end)
        case _:
            raise Unsupported(f"NGSIv2 has nothing for {write.operation}")


def _patched(write: Write, names: Names, path: str, end: str) -> list[tuple[str, str, Any]]:
    if write.simplified:
        raise Unsupported("a simplified fragment does not say of which kind an attribute is")
    fragment = parse_fragment(write.body, context=write.context, entity_id=write.id, nulls=True)
    if fragment.head.scope is not None or fragment.head.expires_at is not None:
        raise Unsupported("NGSIv2 has neither scopes nor entities that end so")
    made: Json = {}
    gone: list[str] = []
    for iri, parts in fragment.attributes.items():
        if len(parts) != 1:
            raise Unsupported("NGSIv2 has one instance of an attribute")
        (part,) = parts
        if isinstance(part, Deletion):
            gone.append(_name(iri, names))
            continue
        attribute = _attribute(part, names)
        if write.operation == "mergeEntity" and isinstance(attribute["value"], dict) and part["type"] == "Property":
            raise Unsupported("NGSIv2 replaces a structured value as a whole, where a merge would go into it")
        made[_name(iri, names)] = attribute
    kept = "options=append" if "noOverwrite" in write.params.get("options", "") else ""
    requests: list[tuple[str, str, Any]] = []
    if made:
        requests.append(("POST", _with(f"{path}/attrs", end, kept), made))
    requests += [("DELETE", _with(f"{path}/attrs/{quote(name, safe='')}", end), None) for name in gone]
    return requests


def _with(path: str, *params: str) -> str:
    given = [one for one in params if one]
    return path + ("?" + "&".join(given) if given else "")


def _type(entity: Mapping[str, Any], names: Names) -> str:
    given = entity["type"]
    if not isinstance(given, str):
        raise Unsupported("NGSIv2 has one type for an entity")
    found = names.v2_of(given)
    if not found:
        raise Unsupported(f"the platform can't have the type {given}")
    return found[0]


def _name(iri: str, names: Names) -> str:
    found = names.v2_of(iri)
    if not found:
        raise Unsupported(f"the platform can't have the attribute {iri}")
    return found[0]


def _attributes(entity: Mapping[str, Any], names: Names) -> Json:
    if "scope" in entity or "expiresAt" in entity:
        raise Unsupported("NGSIv2 has neither scopes nor entities that end so")
    return {_name(iri, names): _attribute(one, names) for iri, one in entity.items() if iri not in ("id", "type")}


def _attribute(instance: Any, names: Names) -> Json:
    """A normalized attribute (names as IRIs) as one of NGSIv2."""
    if not isinstance(instance, dict) or "datasetId" in instance:
        raise Unsupported("NGSIv2 has one instance of an attribute")
    holder = _VALUES.get(instance["type"])
    if holder is None:
        raise Unsupported(f"NGSIv2 has no {instance['type']}")
    value = instance[holder]
    made: Json = {"type": _kind(instance["type"], value), "value": _plain(value)}
    metadata: Json = {}
    if "observedAt" in instance:
        metadata["TimeInstant"] = {"type": "DateTime", "value": instance["observedAt"]}
    if "unitCode" in instance:
        metadata["unitCode"] = {"type": "Text", "value": instance["unitCode"]}
    for name, member in instance.items():
        if name in _KEPT:
            continue
        if name in ATTRIBUTE_MEMBERS or not isinstance(member, dict):
            raise Unsupported(f"NGSIv2 has nothing for {name} of an attribute")
        inner = _attribute(member, names)
        if "metadata" in inner:
            raise Unsupported("metadata of NGSIv2 have none of their own")
        metadata[_name(name, names)] = inner
    return made | ({"metadata": metadata} if metadata else {})


def _kind(type_: str, value: Any) -> str:
    if type_ != "Property":
        return {"GeoProperty": "geo:json", "Relationship": "Relationship"}.get(type_, "StructuredValue")
    if isinstance(value, dict) and value.get("@type") == "DateTime":
        return "DateTime"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Number"
    return "Text" if isinstance(value, str) else "StructuredValue"


def _plain(value: Any) -> Any:
    """Without what only JSON-LD needs."""
    return value["@value"] if isinstance(value, dict) and value.keys() == {"@type", "@value"} else value


def read(answer: Answer, write: Write) -> Written:
    """What an answer means. Raises SourceError for a status that is none of a write's."""
    status = answer.status
    if status not in (400, 404, 409, 411, 413, 422):
        raise_for_status(answer)
        return Written(201 if status == 201 else 204)
    told = _description(answer.body)
    if status == 422 and "already exists" in told.lower():
        if write.operation == "appendAttrs":
            kept = dict.fromkeys(write.names.values(), "It is there already, and must not be overwritten.")
            return Written(207, refused=kept)
        return Written(409, problem={"type": _ERRORS + "AlreadyExists", "title": "Already exists", "detail": told})
    if status == 404:
        return Written(404, problem={"type": _ERRORS + "ResourceNotFound", "title": "Not found", "detail": told})
    return Written(status, problem={"title": "It was not taken", "detail": told})


def _description(body: bytes) -> str:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    return str(document.get("description", ""))[:500] if isinstance(document, dict) else ""


def _refused(why: str) -> Written:
    kind = _ERRORS + "OperationNotSupported"
    return Written(422, problem={"type": kind, "title": "Operation not supported", "detail": why})
