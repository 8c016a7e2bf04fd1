"""What reading entities has beyond plain queries, and the discovery of types and attributes, documented. Data only."""

from __future__ import annotations

from broker.web.openapi.entity_maps import MAPPED
from broker.web.openapi.model import Answer, Content, Json, Operation, query_parameter

_NGSI = "/ngsi-ld/v1"
_TEXT: Json = {"type": "string", "minLength": 1}
_NAMES: Json = {"type": "array", "items": {"type": "string"}}
_URIS: Json = {"type": "array", "minItems": 1, "items": {"type": "string"}}
_FLAG: Json = {"type": "boolean", "default": False}
_FAULTS = (400, 401, 403, 406, 503, 504)

LINKING = ("datasetId", "join", "joinLevel", "containedBy")
"""Parameters of a query and of a retrieve."""
SELECTING = (
    *("scopeQ", "csf", "expandValues", "jsonKeys"),
    *("orderBy", "orderFrom", "orderGeometry", "collation"),
)
"""Parameters of a query only."""


def _path(name: str, ja: str, description: str, example: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "x-description-ja": ja,
        "schema": _TEXT,
        "example": example,
    }


CONSUMPTION_PARAMETERS: dict[str, Json] = {
    "scopeQ": query_parameter(
        "scopeQ",
        "スコープによる絞り込み（4.19節）",
        "Scope query (clause 4.19): `+` is any one level, `/#` everything below.",
        _TEXT,
        "/Tokyo/#",
    ),
    "csf": query_parameter(
        "csf",
        "登録の属性による提供元の絞り込み（4.9節）。area、organisation、adapter、registrationName、modeも使える",
        "Context source filter (clause 4.9) on properties of registrations, and on area, organisation, adapter, "
        "registrationName and mode. The local store always takes part.",
        _TEXT,
        'mode=="inclusive"',
    ),
    "expandValues": query_parameter(
        "expandValues",
        "qの値を@contextの用語として展開する属性",
        "Attributes whose values in q are terms of the @context.",
        _TEXT,
        "category",
    ),
    "jsonKeys": query_parameter(
        "jsonKeys", "値を展開しない属性", "Attributes whose values are never expanded.", _TEXT, "payload"
    ),
    "datasetId": query_parameter(
        "datasetId",
        "このdatasetIdを持つ属性インスタンスだけを返す。@noneは既定のインスタンス",
        "Only attribute instances of these datasetIds; `@none`: the default one (clause 4.5.5).",
        _TEXT,
        "@none",
    ),
    "join": query_parameter(
        "join",
        "リンク先エンティティも返す（4.5.23節）。flatは並べて、inlineは関係の中に",
        "Linked entities (clause 4.5.23): `flat`, behind the others in one array; `inline`, in the Relationships.",
        {"type": "string", "enum": ["flat", "inline", "@none"], "default": "@none"},
        "@none",
    ),
    "joinLevel": query_parameter(
        "joinLevel",
        "たどる関係の段数。joinと共に",
        "How many Relationships are followed; with join.",
        {"type": "integer", "minimum": 1, "maximum": 8, "default": 1},
        2,
    ),
    "containedBy": query_parameter(
        "containedBy",
        "取得済みで、たどらないエンティティのID。joinと共に",
        "Ids of entities that are there already and not retrieved; with join.",
        _TEXT,
        "urn:ngsi-ld:City:tokyo",
    ),
    "orderBy": query_parameter(
        "orderBy",
        "並べ替え（4.23節）。;desc、;dist-asc、;dist-descを付けられる",
        "Order (clause 4.23): names, each with `;asc`, `;desc`, `;dist-asc` or `;dist-desc`. Applied after the merge.",
        _TEXT,
        "name;desc",
    ),
    "orderFrom": query_parameter(
        "orderFrom",
        "距離の起点（JSON配列）。orderByと共に",
        "Where distances start, as JSON; with orderBy.",
        _TEXT,
        "[139.7565,35.6554]",
    ),
    "orderGeometry": query_parameter(
        "orderGeometry",
        "起点の図形の種類（既定はPoint）。orderByと共に",
        "Kind of the geometry that distances start from; with orderBy.",
        _TEXT,
        "Point",
    ),
    "collation": query_parameter(
        "collation",
        "文字列の照合順序（RFC 6067）。既定はルート照合の近似。orderByと共に",
        "Order of texts (RFC 6067), by default an approximation of the root collation; with orderBy.",
        _TEXT,
        "und",
    ),
    "typeDetails": query_parameter("details", "trueで属性名も返す", "true: with the names of attributes.", _FLAG, True),
    "attributeDetails": query_parameter("details", "trueで型名も返す", "true: with the names of types.", _FLAG, True),
    "type_name": _path("type_name", "型の名前またはIRI", "Name or IRI of a type.", "EvacuationShelter"),
    "attribute_name": _path("attribute_name", "属性の名前またはIRI", "Name or IRI of an attribute.", "capacity"),
}

_ATTRIBUTE: Json = {
    "type": "object",
    "description": "Clause 5.2.28.",
    "required": ["id", "type", "attributeName"],
    "properties": {
        "id": {"type": "string"},
        "type": {"const": "Attribute"},
        "attributeName": {"type": "string"},
        "attributeCount": {"type": "integer", "minimum": 0},
        "attributeTypes": _NAMES,
        "typeNames": _NAMES,
    },
}

CONSUMPTION_SCHEMAS: dict[str, Json] = {
    "Query": {
        "type": "object",
        "description": "Clause 5.2.23: the parameters of the GET as members; several `entities` are alternatives.",
        "required": ["type"],
        "properties": {
            "type": {"const": "Query"},
            "entities": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {
                        "type": _TEXT,
                        "id": {"type": ["string", "array"], "items": {"type": "string"}},
                        "idPattern": _TEXT,
                    },
                },
            },
            "q": _TEXT,
            "scopeQ": _TEXT,
            "csf": _TEXT,
            "geoQ": {"type": "object"},
            "ordering": {"type": "object"},
            "attrs": _URIS,
            "pick": _URIS,
            "omit": _URIS,
            "datasetId": _URIS,
            "containedBy": _URIS,
            "join": {"type": "string", "enum": ["flat", "inline", "@none"]},
            "joinLevel": {"type": "integer", "minimum": 1, "maximum": 8},
            "lang": _TEXT,
            "splitEntities": {"type": "boolean"},
            "entityMap": {"type": "boolean"},
            "entityMapLifetime": _TEXT,
        },
    },
    "ShownEntity": {
        "type": "object",
        "description": "An entity (clause 5.2.4) in the representation that was asked for, as its projection is.",
        "properties": {
            "id": {"type": "string"},
            "type": {"type": ["string", "array"], "items": {"type": "string"}},
            "scope": {"type": ["string", "array"], "items": {"type": "string"}},
        },
        "additionalProperties": True,
    },
    "EntityType": {
        "type": "object",
        "description": "Clause 5.2.25.",
        "required": ["id", "type", "typeName", "attributeNames"],
        "properties": {
            "id": {"type": "string"},
            "type": {"const": "EntityType"},
            "typeName": {"type": "string"},
            "attributeNames": _NAMES,
        },
    },
    "EntityTypeInfo": {
        "type": "object",
        "description": "Clause 5.2.26. The count is that of the local store.",
        "required": ["id", "type", "typeName", "entityCount", "attributeDetails"],
        "properties": {
            "id": {"type": "string"},
            "type": {"const": "EntityTypeInfo"},
            "typeName": {"type": "string"},
            "entityCount": {"type": "integer", "minimum": 0},
            "attributeDetails": {"type": "array", "items": {"$ref": "#/components/schemas/Attribute"}},
        },
    },
    "Attribute": _ATTRIBUTE,
    "AttributeList": {
        "type": "object",
        "description": "Clause 5.2.27.",
        "required": ["id", "type", "attributeList"],
        "properties": {
            "id": {"type": "string"},
            "type": {"const": "AttributeList"},
            "attributeList": _NAMES,
        },
    },
}

_HEADERS = ("Kakehashi-Flow", "Server-Timing", "Link")
_IN_URI = ("limit", "offset", "count", "options", "format", "lang", "geometryProperty", "local")
_READING = ("Link", "NGSILD-Tenant", "Kakehashi-Use", "Idempotency-Key")


def one_or_flat(one: str, many: str | None = None) -> Json:
    """The schema of what a retrieve gives: one, or with a flat join several (clause 4.5.23.3)."""
    ref = {"$ref": f"#/components/schemas/{one}"}
    return {"oneOf": [ref, {"$ref": f"#/components/schemas/{many}"} if many else {"type": "array", "items": ref}]}


def by_post(entities: Answer, older: Answer) -> Operation:
    """The query by POST, which is answered like the GET."""
    return Operation(
        "post",
        f"{_NGSI}/entityOperations/query",
        "queryEntitiesByPost",
        "entities",
        "Query entities, the question in the body / 検索条件を本文で送る",
        "Clause 6.23. A Query object instead of URI parameters; paging and representation stay in the URI.",
        "URIパラメータの代わりにQueryオブジェクトを送ります。ページ送りと表現形式はURIで指定します。",
        {200: entities, 201: entities, 203: older},
        (
            "limit",
            "offset",
            "count",
            "options",
            "format",
            "lang",
            "geometryProperty",
            "local",
            *MAPPED,
            "Prefer",
            *_READING,
            "Cache-Control",
        ),
        Content("Query", example={"type": "Query", "entities": [{"type": "EvacuationShelter"}]}),
        (400, 401, 403, 406, 413, 415, 422, 503, 504, 508),
    )


DISCOVERY: tuple[Operation, ...] = (
    Operation(
        "get",
        f"{_NGSI}/types/{{type_name}}",
        "retrieveType",
        "entities",
        "What there is of one type / 型の詳細",
        "Clause 5.7.7: entities of the local store, and what registrations say of the type.",
        "ローカルストアのエンティティと、登録が示す属性をまとめます。",
        {200: Answer("The type.", (Content("EntityTypeInfo"),), _HEADERS)},
        ("type_name", "local", *_READING),
        faults=(*_FAULTS, 404),
    ),
    Operation(
        "get",
        f"{_NGSI}/attributes",
        "listAttributes",
        "entities",
        "Attributes that there are / 属性の一覧",
        "Clauses 5.7.8 and 5.7.9: of the local store's entities, and what registrations say.",
        "ローカルストアのエンティティの属性と、登録が示す属性の一覧です。",
        {
            200: Answer(
                "The attributes.",
                (Content({"oneOf": [{"$ref": "#/components/schemas/AttributeList"}, {"type": "array"}]}),),
                _HEADERS,
            )
        },
        ("attributeDetails", "local", *_READING),
        faults=_FAULTS,
    ),
    Operation(
        "get",
        f"{_NGSI}/attributes/{{attribute_name}}",
        "retrieveAttribute",
        "entities",
        "What there is of one attribute / 属性の詳細",
        "Clause 5.7.10.",
        "属性を持つエンティティの数、属性の種類、型を返します。",
        {200: Answer("The attribute.", (Content("Attribute"),), _HEADERS)},
        ("attribute_name", "local", *_READING),
        faults=(*_FAULTS, 404),
    ),
)
