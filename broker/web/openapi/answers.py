"""Headers and bodies of answers that the documented operations share: OpenAPI 3.1 components, as data."""

from __future__ import annotations

from broker.web.openapi.consumption import CONSUMPTION_SCHEMAS
from broker.web.openapi.contexts import CONTEXT_SCHEMAS
from broker.web.openapi.entity_maps import ENTITY_MAP_HEADER, ENTITY_MAP_SCHEMAS
from broker.web.openapi.model import Json
from broker.web.openapi.provision import PROVISION_SCHEMAS
from broker.web.openapi.subscriptions import SUBSCRIPTION_SCHEMAS
from broker.web.openapi.temporal import CONTENT_RANGE

_UUIDS: Json = {"type": "string", "description": "UUIDs, comma-separated"}

RESPONSE_HEADERS: dict[str, Json] = {
    "X-Request-Id": {
        "description": "Id of the request: in the log, in the flows and sent to the sources.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Kakehashi-Flow": {"description": "Flow ids, one for each source that was asked, committed.", "schema": _UUIDS},
    "Kakehashi-Replay-Of": {
        "description": "Id of the first request with the same Idempotency-Key.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Age": {
        "description": "Seconds since a source said what was kept of its answer and is used in this one: the oldest.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "NGSILD-Warning": {
        "description": "One value for each source whose part is missing, not whole, or from the cache (clause 6.3.17).",
        "schema": {"type": "string"},
    },
    "NGSILD-Results-Count": {
        "description": "With count=true: distinct matches of the sources that answered.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Server-Timing": {
        "description": "One metric for each source: time in milliseconds (dur) and outcome (desc).",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": "The @context of the answer, and next and prev pages.",
        "schema": {"type": "string"},
    },
    "Preference-Applied": {
        "description": "The version of the specification that the entities conform to, where Prefer names one.",
        "schema": {"type": "string"},
    },
    "Content-Range": CONTENT_RANGE,
    "NGSILD-EntityMap": ENTITY_MAP_HEADER,
    "Location": {"description": "Path of what was made.", "schema": {"type": "string"}},
}

_CONTEXT: Json = {"type": ["string", "array", "object"]}
_TYPE_NAMES: Json = {"type": ["string", "array"], "items": {"type": "string"}}

SCHEMAS: dict[str, Json] = {
    **CONSUMPTION_SCHEMAS,
    "Problem": {
        "type": "object",
        "description": "RFC 7807. `field`, `value` (cut to 200 characters) and `clause` say where the fault lies.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "field": {"type": "string"},
            "value": {"type": "string"},
            "clause": {"type": "string"},
            "available": {
                "type": "array",
                "items": {"type": "string"},
                "description": "With 406: the media types that can be had.",
            },
        },
    },
    "Entity": {
        "type": "object",
        "description": "An entity (clause 5.2.4) in the representation that was asked for.",
        "required": ["id", "type"],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": _TYPE_NAMES,
            "scope": _TYPE_NAMES,
            "location": {"type": "object"},
            "@context": _CONTEXT,
        },
        "additionalProperties": True,
    },
    "FeatureCollection": {
        "type": "object",
        "description": "GeoJSON representation (clause 4.5.16).",
        "required": ["type", "features"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/Feature"}},
            "@context": _CONTEXT,
        },
    },
    "Feature": {
        "type": "object",
        "required": ["id", "type", "geometry", "properties"],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": "Feature"},
            "geometry": {"type": ["object", "null"]},
            "properties": {"type": "object"},
            "@context": _CONTEXT,
        },
    },
    "EntityTypeList": {
        "type": "object",
        "description": "Clause 5.2.24.",
        "required": ["id", "type", "typeList"],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": "EntityTypeList"},
            "typeList": {"type": "array", "items": {"type": "string"}},
            "@context": _CONTEXT,
        },
    },
    **PROVISION_SCHEMAS,
    "BatchOperationResult": {
        "type": "object",
        "description": "Clause 5.2.16.",
        "required": ["success", "errors"],
        "properties": {
            "success": {"type": "array", "items": {"type": "string"}},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "entityId": {"type": "string"},
                        "registrationId": {"type": "string"},
                        "error": {"$ref": "#/components/schemas/Problem"},
                    },
                },
            },
        },
    },
    "ContextSourceRegistration": {
        "type": "object",
        "description": "Clause 5.2.9. A POST makes a platform of the adapter ngsi_ld without an area.",
        "required": ["type", "information", "endpoint"],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": "ContextSourceRegistration"},
            "registrationName": {"type": "string"},
            "information": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "endpoint": {"type": "string", "format": "uri"},
            "tenant": {"type": "string"},
            "mode": {"type": "string", "enum": ["inclusive", "exclusive", "redirect", "auxiliary"]},
            "location": {"type": "object"},
            "@context": _CONTEXT,
        },
        "additionalProperties": True,
    },
    **CONTEXT_SCHEMAS,
    **ENTITY_MAP_SCHEMAS,
    **SUBSCRIPTION_SCHEMAS,
}
