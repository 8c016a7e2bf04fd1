"""The NGSI-LD core @context of versions 1.6 to 1.9 as one table (annex B), and the documents made from it.

A row is a term with its IRI (compact: `prefix:suffix`), its coercion and the span of minor versions it stands in. What
a version did not change has one row; a term that came, went or moved says so with `since` and `until`.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
"""Names without any other definition are expanded below this IRI (clause 4.4)."""

PREFIXES = {"ngsi-ld": "https://uri.etsi.org/ngsi-ld/", "geojson": "https://purl.org/geojson/vocab#"}
VERSIONS = ("1.6", "1.7", "1.8", "1.9")
LATEST = "1.9"
_OLDEST, _NEWEST = 6, 9
_PROTECTED_SINCE = 8
"""From this minor version on the published document protects its terms by JSON-LD 1.1 means."""

_URL = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(?:-v1\.([0-9]{1,3}))?\.jsonld")


class Term(NamedTuple):
    """What one term of a context means. `prefix`: it may stand before the colon of a compact IRI."""

    iri: str
    type: str | None = None
    container: str | None = None
    prefix: bool = False


class Row(NamedTuple):
    term: str
    iri: str
    type: str | None = None
    container: str | None = None
    since: int = _OLDEST
    until: int = _NEWEST


def core_url(version: str) -> str:
    """Where a version ("1.6" … "1.9") is published."""
    return f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v{version}.jsonld"


@lru_cache(maxsize=1024)
def core_version_of(url: str) -> str | None:
    """The version in `VERSIONS` that stands for a core @context URL; None if the URL is not one.

    Older minor versions are served by 1.6 and newer ones by the latest (the nearest that we have); the URL without a
    version means the latest.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return None
    if match[1] is None:
        return LATEST
    return f"1.{min(max(int(match[1]), _OLDEST), _NEWEST)}"


def core_rows(version: str) -> tuple[Row, ...]:
    """The rows that stand in a version, prefixes apart."""
    minor = VERSIONS.index(version) + _OLDEST
    return tuple(row for row in ROWS if row.since <= minor <= row.until)


@cache
def core_terms(version: str) -> dict[str, Term]:
    """The term map of a version, IRIs written out. It is shared: leave it as it is."""
    terms = {name: Term(iri, prefix=True) for name, iri in PREFIXES.items()}
    for row in core_rows(version):
        coercion = row.type if row.type is None or row.type.startswith("@") else f"{PREFIXES['ngsi-ld']}{row.type}"
        terms[row.term] = Term(_written_out(row.iri), coercion, row.container)
    return terms


def _written_out(iri: str) -> str:
    prefix, colon, suffix = iri.partition(":")
    if prefix in PREFIXES:
        return PREFIXES[prefix] + suffix
    return iri if colon or iri.startswith("@") else VOCAB + iri


@cache
def core_document(version: str) -> dict[str, Any]:
    """The JSON-LD document of a version, `{"@context": {…}}`. It is shared: leave it as it is."""
    context: dict[str, Any] = {}
    if VERSIONS.index(version) + _OLDEST >= _PROTECTED_SINCE:
        context |= {"@version": 1.1, "@protected": True}
    context |= PREFIXES
    for row in core_rows(version):
        if row.type is None and row.container is None:
            context[row.term] = row.iri
            continue
        definition = {"@id": row.iri}
        if row.type is not None:
            definition["@type"] = row.type
        if row.container is not None:
            definition["@container"] = row.container
        context[row.term] = definition
    context["@vocab"] = VOCAB
    return {"@context": context}


ROWS: tuple[Row, ...] = (
    Row("accept", "ngsi-ld:accept"),
    Row("Attribute", "ngsi-ld:Attribute"),
    Row("attributeCount", "attributeCount", until=6),
    Row("attributeCount", "attributeCount", since=8),
    Row("attributeCount", "ngsi-ld:attributeCount", since=7, until=7),
    Row("attributeDetails", "attributeDetails", until=6),
    Row("attributeDetails", "attributeDetails", since=8),
    Row("attributeDetails", "ngsi-ld:attributeDetails", since=7, until=7),
    Row("AttributeList", "ngsi-ld:AttributeList"),
    Row("attributeList", "ngsi-ld:attributeList", type="@vocab"),
    Row("attributeName", "ngsi-ld:attributeName", type="@vocab"),
    Row("attributeNames", "ngsi-ld:attributeNames", type="@vocab"),
    Row("attributes", "ngsi-ld:attributes", type="@vocab"),
    Row("attributeTypes", "ngsi-ld:attributeTypes", type="@vocab"),
    Row("attrs", "ngsi-ld:attrs"),
    Row("avg", "ngsi-ld:avg", container="@list"),
    Row("bbox", "geojson:bbox", container="@list"),
    Row("cacheDuration", "ngsi-ld:cacheDuration"),
    Row("containedBy", "ngsi-ld:isContainedBy", since=8),
    Row("contextSourceAlias", "ngsi-ld:contextSourceAlias", since=8),
    Row("contextSourceExtras", "ngsi-ld:contextSourceExtras", type="@json", since=8),
    Row("ContextSourceIdentity", "ngsi-ld:ContextSourceIdentity", since=8),
    Row("contextSourceInfo", "ngsi-ld:contextSourceInfo"),
    Row("ContextSourceNotification", "ngsi-ld:ContextSourceNotification"),
    Row("ContextSourceRegistration", "ngsi-ld:ContextSourceRegistration"),
    Row("contextSourceTimeAt", "ngsi-ld:contextSourceTimeAt", type="DateTime", since=8),
    Row("contextSourceUptime", "ngsi-ld:contextSourceUptime", since=8),
    Row("cooldown", "ngsi-ld:cooldown"),
    Row("coordinates", "geojson:coordinates", container="@list"),
    Row("createdAt", "ngsi-ld:createdAt", type="DateTime"),
    Row("csf", "ngsi-ld:csf"),
    Row("data", "ngsi-ld:data"),
    Row("dataset", "ngsi-ld:hasDataset", container="@index", since=7),
    Row("datasetId", "ngsi-ld:datasetId", type="@id"),
    Row("Date", "ngsi-ld:Date"),
    Row("DateTime", "ngsi-ld:DateTime"),
    Row("deletedAt", "ngsi-ld:deletedAt", type="DateTime"),
    Row("description", "http://purl.org/dc/terms/description"),
    Row("detail", "ngsi-ld:detail"),
    Row("distinctCount", "ngsi-ld:distinctCount", container="@list"),
    Row("endAt", "ngsi-ld:endAt", type="DateTime"),
    Row("endpoint", "ngsi-ld:endpoint"),
    Row("endTimeAt", "ngsi-ld:endTimeAt", type="DateTime"),
    Row("entities", "ngsi-ld:entities"),
    Row("entity", "ngsi-ld:entity", since=8),
    Row("entityCount", "ngsi-ld:entityCount"),
    Row("entityId", "ngsi-ld:entityId", type="@id"),
    Row("entityList", "ngsi-ld:entityList", container="@list", since=8),
    Row("entityMap", "ngsi-ld:hasEntityMap", since=8),
    Row("EntityType", "ngsi-ld:EntityType"),
    Row("EntityTypeInfo", "ngsi-ld:EntityTypeInfo"),
    Row("EntityTypeList", "ngsi-ld:EntityTypeList"),
    Row("error", "ngsi-ld:error"),
    Row("errors", "ngsi-ld:errors"),
    Row("expandValues", "ngsi-ld:expandValues", since=8),
    Row("expiresAt", "ngsi-ld:expiresAt", type="DateTime"),
    Row("Feature", "geojson:Feature"),
    Row("FeatureCollection", "geojson:FeatureCollection"),
    Row("features", "geojson:features", container="@set"),
    Row("format", "ngsi-ld:format"),
    Row("geometry", "geojson:geometry"),
    Row("GeometryCollection", "geojson:GeometryCollection"),
    Row("geometryProperty", "geojson:geometryProperty", since=8),
    Row("GeoProperty", "ngsi-ld:GeoProperty"),
    Row("geoproperty", "ngsi-ld:geoproperty"),
    Row("geoQ", "ngsi-ld:geoQ"),
    Row("georel", "ngsi-ld:georel"),
    Row("id", "@id"),
    Row("idPattern", "ngsi-ld:idPattern"),
    Row("information", "ngsi-ld:information"),
    Row("instanceId", "ngsi-ld:instanceId", type="@id"),
    Row("isActive", "ngsi-ld:isActive"),
    Row("join", "ngsi-ld:join", since=8),
    Row("joinLevel", "ngsi-ld:hasJoinLevel", since=8),
    Row("json", "ngsi-ld:hasJSON", type="@json", since=8),
    Row("jsonKeys", "ngsi-ld:jsonKeys", since=8),
    Row("JsonProperty", "ngsi-ld:JsonProperty", since=8),
    Row("jsons", "ngsi-ld:jsons", container="@list", since=8),
    Row("key", "ngsi-ld:hasKey"),
    Row("lang", "ngsi-ld:lang"),
    Row("languageMap", "ngsi-ld:hasLanguageMap", container="@language"),
    Row("languageMaps", "ngsi-ld:hasLanguageMaps", container="@list"),
    Row("LanguageProperty", "ngsi-ld:LanguageProperty"),
    Row("lastFailure", "ngsi-ld:lastFailure", type="DateTime"),
    Row("lastNotification", "ngsi-ld:lastNotification", type="DateTime"),
    Row("lastSuccess", "ngsi-ld:lastSuccess", type="DateTime"),
    Row("LineString", "geojson:LineString"),
    Row("linkedMaps", "ngsi-ld:linkedMaps", since=8),
    Row("ListProperty", "ngsi-ld:ListProperty", since=8),
    Row("ListRelationship", "ngsi-ld:ListRelationship", since=8),
    Row("localOnly", "ngsi-ld:localOnly"),
    Row("location", "ngsi-ld:location"),
    Row("management", "ngsi-ld:management"),
    Row("managementInterval", "ngsi-ld:managementInterval"),
    Row("max", "ngsi-ld:max", container="@list"),
    Row("min", "ngsi-ld:min", container="@list"),
    Row("mode", "ngsi-ld:mode"),
    Row("modifiedAt", "ngsi-ld:modifiedAt", type="DateTime"),
    Row("MultiLineString", "geojson:MultiLineString"),
    Row("MultiPoint", "geojson:MultiPoint"),
    Row("MultiPolygon", "geojson:MultiPolygon"),
    Row("Notification", "ngsi-ld:Notification"),
    Row("notification", "ngsi-ld:notification"),
    Row("notificationTrigger", "ngsi-ld:notificationTrigger"),
    Row("notifiedAt", "ngsi-ld:notifiedAt", type="DateTime"),
    Row("notifierInfo", "ngsi-ld:notifierInfo"),
    Row("notUpdated", "ngsi-ld:notUpdated"),
    Row("object", "ngsi-ld:hasObject", type="@id"),
    Row("objectList", "ngsi-ld:hasObjectList", container="@list", since=8),
    Row("objects", "ngsi-ld:hasObjects", container="@list"),
    Row("objectsLists", "ngsi-ld:hasObjectsLists", container="@list", since=8),
    Row("objectType", "ngsi-ld:hasObjectType", type="@vocab", since=8),
    Row("observationInterval", "ngsi-ld:observationInterval"),
    Row("observationSpace", "ngsi-ld:observationSpace"),
    Row("observedAt", "ngsi-ld:observedAt", type="DateTime"),
    Row("omit", "ngsi-ld:omit", since=8),
    Row("operations", "ngsi-ld:operations"),
    Row("operationSpace", "ngsi-ld:operationSpace"),
    Row("pick", "ngsi-ld:pick", since=8),
    Row("Point", "geojson:Point"),
    Row("Polygon", "geojson:Polygon"),
    Row("previousJson", "ngsi-ld:hasPreviousJson", type="@json", since=8),
    Row("previousLanguageMap", "ngsi-ld:hasPreviousLanguageMap", container="@language"),
    Row("previousObject", "ngsi-ld:hasPreviousObject", type="@id"),
    Row("previousObjectList", "ngsi-ld:hasPreviousObjectList", container="@list", since=8),
    Row("previousValue", "ngsi-ld:hasPreviousValue"),
    Row("previousValueList", "ngsi-ld:hasPreviousValueList", container="@list", since=8),
    Row("previousVocab", "ngsi-ld:hasPreviousVocab", type="@vocab", since=7),
    Row("properties", "geojson:properties"),
    Row("Property", "ngsi-ld:Property"),
    Row("propertyNames", "ngsi-ld:propertyNames", type="@vocab"),
    Row("q", "ngsi-ld:q"),
    Row("reason", "ngsi-ld:reason"),
    Row("receiverInfo", "ngsi-ld:receiverInfo"),
    Row("refreshRate", "ngsi-ld:refreshRate"),
    Row("registrationId", "ngsi-ld:registrationId"),
    Row("registrationName", "ngsi-ld:registrationName"),
    Row("Relationship", "ngsi-ld:Relationship"),
    Row("relationshipNames", "ngsi-ld:relationshipNames", type="@vocab"),
    Row("scope", "ngsi-ld:scope"),
    Row("scopeQ", "ngsi-ld:scopeQ"),
    Row("showChanges", "ngsi-ld:showChanges"),
    Row("startAt", "ngsi-ld:startAt", type="DateTime"),
    Row("status", "ngsi-ld:status"),
    Row("stddev", "ngsi-ld:stddev", container="@list"),
    Row("Subscription", "ngsi-ld:Subscription"),
    Row("subscriptionId", "ngsi-ld:subscriptionId", type="@id"),
    Row("subscriptionName", "ngsi-ld:subscriptionName"),
    Row("success", "ngsi-ld:success", type="@id"),
    Row("sum", "ngsi-ld:sum", container="@list"),
    Row("sumsq", "ngsi-ld:sumsq", container="@list"),
    Row("sysAttrs", "ngsi-ld:sysAttrs"),
    Row("TemporalProperty", "ngsi-ld:TemporalProperty"),
    Row("temporalQ", "ngsi-ld:temporalQ"),
    Row("tenant", "ngsi-ld:tenant", type="@id"),
    Row("throttling", "ngsi-ld:throttling"),
    Row("Time", "ngsi-ld:Time"),
    Row("timeAt", "ngsi-ld:timeAt", type="DateTime"),
    Row("timeInterval", "ngsi-ld:timeInterval"),
    Row("timeout", "ngsi-ld:timeout"),
    Row("timeproperty", "ngsi-ld:timeproperty"),
    Row("timerel", "ngsi-ld:timerel"),
    Row("timesFailed", "ngsi-ld:timesFailed"),
    Row("timesSent", "ngsi-ld:timesSent"),
    Row("title", "http://purl.org/dc/terms/title"),
    Row("totalCount", "ngsi-ld:totalCount", container="@list"),
    Row("triggerReason", "ngsi-ld:triggerReason"),
    Row("type", "@type"),
    Row("typeList", "ngsi-ld:typeList", type="@vocab"),
    Row("typeName", "ngsi-ld:typeName", type="@vocab"),
    Row("typeNames", "ngsi-ld:typeNames", type="@vocab"),
    Row("unchanged", "ngsi-ld:unchanged"),
    Row("unitCode", "ngsi-ld:unitCode"),
    Row("updated", "ngsi-ld:updated"),
    Row("uri", "ngsi-ld:uri"),
    Row("value", "ngsi-ld:hasValue"),
    Row("valueList", "ngsi-ld:hasValueList", container="@list", since=8),
    Row("valueLists", "ngsi-ld:hasValueLists", container="@list", since=8),
    Row("values", "ngsi-ld:hasValues", container="@list"),
    Row("vocab", "ngsi-ld:hasVocab", type="@vocab", since=7),
    Row("VocabProperty", "ngsi-ld:VocabProperty", since=8),
    Row("vocabs", "ngsi-ld:hasVocabs", container="@list", since=7),
    Row("VocabularyProperty", "ngsi-ld:VocabularyProperty", since=7, until=7),
    Row("watchedAttributes", "ngsi-ld:watchedAttributes", type="@vocab"),
)
