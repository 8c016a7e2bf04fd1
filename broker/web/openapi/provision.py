"""The operations that write to the local store, documented. Data only."""

from __future__ import annotations

from broker.web.openapi.model import JSON, Answer, Content, Json, Operation, query_parameter

_NGSI = "/ngsi-ld/v1"
_ONE = f"{_NGSI}/entities/{{entity_id}}"
_WRITING = ("local", "Link", "NGSILD-Tenant")
_FAULTS = (400, 401, 403, 409, 413, 415, 429, 502, 503, 504, 508)
_BARE_FAULTS = (400, 401, 403, 409, 429, 502, 503, 504, 508)
_TAG = "local store"

_ID = "urn:ngsi-ld:EvacuationShelter:13103-0001"
SHELTER: Json = {
    "id": _ID,
    "type": "EvacuationShelter",
    "name": {"type": "Property", "value": "芝浦小学校（例）"},
    "capacity": {"type": "Property", "value": 320},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.7565, 35.6554]}},
}
_CAPACITY: Json = {"type": "Property", "value": 280, "observedAt": "2026-04-01T09:00:00Z"}
_FRAGMENT: Json = {"capacity": _CAPACITY}


_TEXT: Json = {"type": "string", "minLength": 1}

PROVISION_PARAMETERS: dict[str, Json] = {
    "attr_id": {
        "name": "attr_id",
        "in": "path",
        "required": True,
        "description": "Name of the attribute, as a term of the @context or an IRI (percent-encoded).",
        "x-description-ja": "属性名（@contextの用語またはIRI）",
        "schema": _TEXT,
        "example": "capacity",
    },
    "deletedDatasetId": query_parameter(
        "datasetId",
        "削除する属性インスタンス",
        "The instance to delete; without it the default one.",
        {"type": "string", "format": "uri"},
        "urn:ngsi-ld:Dataset:sensor2",
    ),
    "deleteAllInstances": query_parameter(
        "deleteAll",
        "すべてのインスタンスを削除する",
        "All instances of the attribute.",
        {"type": "boolean", "default": False},
        True,
    ),
    "observedAt": query_parameter(
        "observedAt",
        "observedAtをもつ属性に使う時刻",
        "For attributes that have an observedAt and are sent without one.",
        {"type": "string", "format": "date-time"},
        "2026-04-01T09:00:00Z",
    ),
    "mergeFormat": query_parameter(
        "format",
        "本文の表現形式",
        "simplified: the body has values only; attributes keep their types.",
        {"type": "string", "enum": ["normalized", "concise", "simplified", "keyValues"]},
        "simplified",
    ),
    "mergeOptions": query_parameter(
        "options",
        "formatの旧形式",
        "The older way to say format.",
        {"type": "string", "enum": ["keyValues"]},
        "keyValues",
    ),
    "mergeLang": query_parameter(
        "lang", "言語タグ", "The language of texts that are sent for a LanguageProperty.", _TEXT, "ja"
    ),
    "noOverwrite": query_parameter(
        "options",
        "既存の属性を上書きしない",
        "noOverwrite: what is there already stays as it is.",
        {"type": "string", "enum": ["noOverwrite"]},
        "noOverwrite",
    ),
    "upsertOptions": query_parameter(
        "options",
        "既存エンティティを置き換えるか更新するか",
        "replace (default) or update entities that are there.",
        {"type": "string", "enum": ["replace", "update"], "default": "replace"},
        "update",
    ),
    "keep": query_parameter("keep", "残すメンバー", "Delete all members of the entities but these.", _TEXT, "capacity"),
    "drop": query_parameter("drop", "削除するメンバー", "Delete only these members of the entities.", _TEXT, "name"),
}

PROVISION_SCHEMAS: dict[str, Json] = {
    "EntityFragment": {
        "type": "object",
        "description": 'Part of an entity (clause 5.4). The value "urn:ngsi-ld:null" deletes.',
        "properties": {"type": {"type": ["string", "array"], "items": {"type": "string"}}},
        "additionalProperties": True,
    },
    "AttributeFragment": {
        "type": "object",
        "description": "An attribute, or part of one.",
        "properties": {"type": {"type": "string"}, "datasetId": {"type": "string", "format": "uri"}},
        "additionalProperties": True,
    },
    "UpdateResult": {
        "type": "object",
        "description": "Clause 5.2.18; names are IRIs.",
        "required": ["updated", "notUpdated"],
        "properties": {
            "updated": {"type": "array", "items": {"type": "string"}},
            "notUpdated": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["attributeName", "reason"],
                    "properties": {
                        "attributeName": {"type": "string"},
                        "reason": {"type": "string"},
                        "registrationId": {"type": "string"},
                    },
                },
            },
        },
    },
}

_DONE = Answer("Done.")
_MADE = Answer("Ids of the entities that were made.", (Content({"type": "string"}, True, JSON),))
_PARTLY = Answer("Some could not be done.", (Content("BatchOperationResult", media=JSON),))
_UPDATED = Answer("Some attributes were left as they were.", (Content("UpdateResult", media=JSON),))


def _told(
    method: str,
    path: str,
    id_: str,
    summary: str,
    description: str,
    ja: str,
    answers: dict[int, Answer],
    parameters: tuple[str, ...],
    body: Content | None = None,
    *faults: int,
) -> Operation:
    common = _FAULTS if body is not None else _BARE_FAULTS
    # what a source could not do of its part (clause 6.3.17)
    answers = {207: _UPDATED if "/attrs" in path else _PARTLY} | answers
    return Operation(
        method,
        path,
        id_,
        _TAG,
        summary,
        description,
        ja,
        answers,
        (*parameters, *_WRITING),
        body,
        tuple(dict.fromkeys((*common, *faults))),
        # what a query finds is purged by the administration alone
        "administration" if id_ == "purgeEntities" else "writer",
    )


def _batch(name: str, id_: str, summary: str, description: str, answers: dict[int, Answer], *options: str) -> Operation:
    return _told(
        "post",
        f"{_NGSI}/entityOperations/{name}",
        id_,
        summary,
        description + ", at most 10,000.",
        "最大10,000件。",
        answers,
        options,
        Content("EntityFragment" if name == "merge" else "Entity", many=True, example=[SHELTER]),
    )


PROVISION: tuple[Operation, ...] = (
    _told(
        "post",
        f"{_NGSI}/entities",
        "createEntity",
        "Create an entity in the local store / ローカルストアにエンティティを作成する",
        "Clause 5.6.1. The entity lies in this gateway's own store, in the tenant of the request. With expiresAt it or "
        "an attribute ends by itself (clause 4.22).",
        "このゲートウェイ自身のストアに、リクエストのテナントで保存します。expiresAtで自動的に失効します。",
        {201: Answer("Created.", headers=("Location",))},
        (),
        Content("Entity", example=SHELTER),
        409,
    ),
    _told(
        "delete",
        f"{_NGSI}/entities",
        "purgeEntities",
        "Purge entities of the local store / 条件に合うエンティティを一括削除する",
        "Clause 5.6.21: what the query finds there is deleted, or only its members that drop names or keep does not. "
        "type, attrs, q, a geometry or local=true is needed. With NGSILD-EntityMap only entities of that map go.",
        "検索条件に合うローカルストアのエンティティ、またはその属性を削除します。",
        {204: _DONE},
        (
            *("id", "type", "idPattern", "attrs", "q", "georel", "geometry", "coordinates", "geoproperty"),
            "keep",
            "drop",
            "NGSILD-EntityMap",
        ),
    ),
    _told(
        "put",
        _ONE,
        "replaceEntity",
        "Replace an entity of the local store / ローカルストアのエンティティを置き換える",
        "Clause 5.6.18.",
        "エンティティ全体を置き換えます。",
        {204: _DONE},
        ("entity_id", "type"),
        Content("Entity", example=SHELTER),
        404,
    ),
    _told(
        "patch",
        _ONE,
        "mergeEntity",
        "Merge into an entity of the local store / エンティティに差分を統合する",
        "Clause 5.6.17: goes into attributes and the objects in their values.",
        "属性とその値の中まで差分を統合します。",
        {204: _DONE},
        ("entity_id", "type", "mergeFormat", "mergeOptions", "mergeLang", "observedAt"),
        Content("EntityFragment", example=_FRAGMENT),
        404,
    ),
    _told(
        "post",
        f"{_ONE}/attrs",
        "appendAttributes",
        "Append attributes / 属性を追加する",
        "Clause 5.6.3. Attributes that are there are overwritten unless options=noOverwrite.",
        "既存の属性は、options=noOverwriteでない限り上書きします。",
        {204: _DONE, 207: _UPDATED},
        ("entity_id", "type", "noOverwrite"),
        Content("EntityFragment", example=_FRAGMENT),
        404,
    ),
    _told(
        "patch",
        f"{_ONE}/attrs",
        "updateAttributes",
        "Update attributes / 属性を更新する",
        "Clause 5.6.2: attributes are replaced as a whole.",
        "属性を丸ごと置き換えます。",
        {204: _DONE, 207: _UPDATED},
        ("entity_id", "type"),
        Content("EntityFragment", example=_FRAGMENT),
        404,
    ),
    _told(
        "put",
        f"{_ONE}/attrs/{{attr_id}}",
        "replaceAttribute",
        "Replace an attribute / 属性を置き換える",
        "Clause 5.6.19.",
        "属性インスタンスを置き換えます。",
        {204: _DONE},
        ("entity_id", "attr_id", "type"),
        Content("AttributeFragment", example=_CAPACITY),
        404,
    ),
    _told(
        "patch",
        f"{_ONE}/attrs/{{attr_id}}",
        "updateAttribute",
        "Update parts of an attribute / 属性の一部を更新する",
        "Clause 5.6.4: members are replaced one by one.",
        "属性のメンバーを個別に置き換えます。",
        {204: _DONE},
        ("entity_id", "attr_id", "type"),
        Content("AttributeFragment", example={"value": 300}),
        404,
    ),
    _told(
        "delete",
        f"{_ONE}/attrs/{{attr_id}}",
        "deleteAttribute",
        "Delete an attribute / 属性を削除する",
        "Clause 5.6.5: one instance, or all with deleteAll=true.",
        "インスタンス1つ、またはdeleteAll=trueですべてを削除します。",
        {204: _DONE},
        ("entity_id", "attr_id", "type", "deletedDatasetId", "deleteAllInstances"),
        None,
        404,
    ),
    _told(
        "delete",
        _ONE,
        "deleteEntity",
        "Delete an entity of the local store / ローカルストアのエンティティを削除する",
        "Clause 5.6.6.",
        "エンティティを削除します。",
        {204: _DONE},
        ("entity_id", "type"),
        None,
        404,
    ),
    _batch("create", "batchCreate", "Create many entities / 一括作成", "Clause 5.6.7", {201: _MADE, 207: _PARTLY}),
    _batch(
        "upsert",
        "batchUpsert",
        "Create or change many entities / 一括作成・更新",
        "Clause 5.6.8: 201 if some are new, 204 if all were there",
        {201: _MADE, 204: _DONE, 207: _PARTLY},
        "upsertOptions",
    ),
    _batch(
        "update",
        "batchUpdate",
        "Append attributes to many entities / 属性の一括追加",
        "Clause 5.6.9",
        {204: _DONE, 207: _PARTLY},
        "noOverwrite",
    ),
    _batch(
        "merge",
        "batchMerge",
        "Merge into many entities / 一括統合",
        "Clause 5.6.20",
        {204: _DONE, 207: _PARTLY},
        *("mergeFormat", "mergeOptions", "mergeLang", "observedAt"),
    ),
    _told(
        "post",
        f"{_NGSI}/entityOperations/delete",
        "batchDelete",
        "Delete many entities / 一括削除",
        "Clause 5.6.10, at most 10,000 ids.",
        "最大10,000件。",
        {204: _DONE, 207: _PARTLY},
        (),
        Content({"type": "string"}, many=True, media=JSON, example=[_ID]),
    ),
)
