"""Names that the standard fixes: kinds of attributes, the member with each one's value, and what is no attribute."""

from __future__ import annotations

VALUE_MEMBER = {
    "Property": "value",
    "GeoProperty": "value",
    "LanguageProperty": "languageMap",
    "JsonProperty": "json",
    "VocabProperty": "vocab",
    "ListProperty": "valueList",
    "Relationship": "object",
    "ListRelationship": "objectList",
}
"""Attribute type → member with its value (clauses 4.5.2, 4.5.3, 4.5.18, 4.5.20 to 4.5.24)."""

KIND_OF_MEMBER = {
    "value": "Property",
    "languageMap": "LanguageProperty",
    "json": "JsonProperty",
    "vocab": "VocabProperty",
    "valueList": "ListProperty",
    "object": "Relationship",
    "objectList": "ListRelationship",
}
"""The other way round, as the concise representation infers it."""

SYSTEM_MEMBERS = frozenset({"createdAt", "modifiedAt", "deletedAt", "expiresAt"})
"""System attributes (clauses 4.8 and 4.22) of entities and of attributes."""

ENTITY_MEMBERS = frozenset({"id", "type", "scope", "@context"}) | SYSTEM_MEMBERS
"""Members of an entity that are no attributes (clause 4.5.1)."""

SCALAR_MEMBERS = SYSTEM_MEMBERS | {
    "datasetId",
    "instanceId",
    "lang",
    "objectType",
    "observedAt",
    "unitCode",
    "valueType",
}
"""Non-reified members of an attribute that hold a plain value."""

PREVIOUS_MEMBERS = frozenset(
    {
        "previousValue",
        "previousLanguageMap",
        "previousJson",
        "previousVocab",
        "previousValueList",
        "previousObject",
        "previousObjectList",
    }
)

ATTRIBUTE_MEMBERS = (
    SCALAR_MEMBERS
    | PREVIOUS_MEMBERS
    | frozenset(KIND_OF_MEMBER)
    | {"type", "entity", "entityList", "entityIdSealed", "entityTypeSealed", "@context"}
)
"""Members of an attribute that are no sub-attributes."""

NULL = "urn:ngsi-ld:null"
"""NGSI-LD Null (clause 4.5.0)."""
