"""The temporal operations and their parameters, documented. Data only."""

from __future__ import annotations

from dataclasses import replace

from broker.web.openapi.entity_maps import MAPPED, temporal_map_operations
from broker.web.openapi.model import Answer, Content, Json, Operation, older, query_parameter

_NGSI = "/ngsi-ld/v1/temporal"
_TEXT: Json = {"type": "string", "minLength": 1}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_METHODS = "totalCount, distinctCount, sum, avg, min, max, stddev, sumsq"


def _path(name: str, ja: str, description: str, example: str) -> Json:
    return query_parameter(name, ja, description, _TEXT, example) | {"in": "path", "required": True}


TEMPORAL_PARAMETERS: dict[str, Json] = {
    "timerel": query_parameter(
        "timerel",
        "時間の関係（4.11節）。before、after、between",
        "Temporal relation (clause 4.11): before (exclusive) or after (inclusive) timeAt, or between.",
        {"type": "string", "enum": ["before", "after", "between"]},
        "after",
    ),
    "timeAt": query_parameter(
        "timeAt", "比較する時刻（UTC）", "The instant that is compared with, in UTC.", _INSTANT, "2026-04-01T00:00:00Z"
    ),
    "endTimeAt": query_parameter(
        "endTimeAt",
        "betweenの終わり（この時刻は含まない）",
        "End of between, exclusive.",
        _INSTANT,
        "2026-05-01T00:00:00Z",
    ),
    "timeproperty": query_parameter(
        "timeproperty",
        "どの時刻で比べるか（既定はobservedAt）",
        "The time of an instance that is compared; observedAt if a timerel is given.",
        {"type": "string", "enum": ["observedAt", "createdAt", "modifiedAt", "deletedAt"]},
        "observedAt",
    ),
    "lastN": query_parameter(
        "lastN",
        "各属性の新しい方からN件だけ",
        "Only the last N instances of each attribute.",
        {"type": "integer", "minimum": 1, "maximum": 100_000},
        10,
    ),
    "temporalDatasetId": query_parameter(
        "datasetId",
        "datasetId（コンマ区切り）。@noneは既定のインスタンス",
        "datasetIds, comma-separated; @none for the default instances.",
        _TEXT,
        "@none",
    ),
    "deleteAll": query_parameter(
        "deleteAll",
        "trueですべてのdatasetIdのインスタンスを削除する",
        "true: the instances of all datasetIds.",
        {"type": "boolean", "default": False},
        False,
    ),
    "temporalOptions": query_parameter(
        "options",
        "normalized、concise、temporalValues（simplified）、aggregatedValues、sysAttrs、countのコンマ区切り",
        "Comma-separated: normalized, concise, temporalValues (simplified), aggregatedValues, sysAttrs, count.",
        _TEXT,
        "temporalValues",
    ),
    "temporalFormat": query_parameter(
        "format",
        "表現形式。optionsより優先",
        "Representation; goes before options.",
        {
            "type": "string",
            "enum": ["normalized", "concise", "simplified", "keyValues", "temporalValues", "aggregatedValues"],
        },
        "temporalValues",
    ),
    "aggrMethods": query_parameter(
        "aggrMethods",
        "集計の方法（コンマ区切り）",
        f"Of aggregatedValues, comma-separated: {_METHODS}.",
        _TEXT,
        "avg,max",
    ),
    "aggrPeriodDuration": query_parameter(
        "aggrPeriodDuration",
        "集計の期間（ISO 8601）。PT0Sは全期間",
        "Length of a period (ISO 8601); PT0S, the default, is the whole range of time.",
        _TEXT,
        "PT1H",
    ),
    "temporalOrderBy": query_parameter(
        "orderBy", "並び順。idだけ", "Order of entities.", {"type": "string", "enum": ["id", "id;asc", "id;desc"]}, "id"
    ),
    "temporalCollation": query_parameter(
        "collation",
        "orderByとともに使う照合順（RFC 6067）。idの並びは変わらない",
        "Collation (RFC 6067), with orderBy; it is checked, and changes nothing in the order of ids.",
        _TEXT,
        "und",
    ),
    "temporalScopeQ": query_parameter(
        "scopeQ",
        "スコープの条件（4.19節）。そのスコープが有効だった間のインスタンスに絞る",
        "Scope query (clause 4.19): instances of the times at which such a scope held.",
        _TEXT,
        "/Tokyo/#",
    ),
    "temporalCsf": query_parameter(
        "csf", "提供元の条件（4.9節）", "Context source filter (clause 4.9).", _TEXT, "area==1"
    ),
    "temporalExpandValues": query_parameter(
        "expandValues",
        "qの値を@contextで展開する属性（コンマ区切り）",
        "Attributes whose values in q are terms of the @context.",
        _TEXT,
        "category",
    ),
    "temporalJsonKeys": query_parameter(
        "jsonKeys",
        "qの値を展開しない属性（コンマ区切り）",
        "Attributes whose values in q stay as they are.",
        _TEXT,
        "raw",
    ),
    "attr_id": _path("attr_id", "属性名", "Name of the attribute.", "capacity"),
    "instance_id": _path(
        "instance_id",
        "インスタンスID",
        "instanceId of one instance of the attribute.",
        "urn:ngsi-ld:Instance:0199e0f2-7a52-7d8a-9d41-0d0a3c1b2e4f",
    ),
}
CONTENT_RANGE: Json = {
    "description": "Of a part (206, clause 6.3.10): `date-time start-end/size`, from where to where it goes in time.",
    "schema": {"type": "string"},
}
_EVOLUTION: Json = {
    "id": "urn:ngsi-ld:EvacuationShelter:13103-0001",
    "type": "EvacuationShelter",
    "capacity": [
        {"type": "Property", "value": 12, "observedAt": "2026-04-01T09:00:00Z"},
        {"type": "Property", "value": 40, "observedAt": "2026-04-01T10:00:00Z"},
    ],
}
_SHAPE: Json = {"type": "object", "description": "Temporal evolution of an entity (clause 5.2.20)."}
_QUESTION: Json = {
    "type": "Query",
    "entities": [{"type": "EvacuationShelter"}],
    "temporalQ": {"timerel": "after", "timeAt": "2026-04-01T00:00:00Z"},
}

_WINDOW = ("timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "temporalDatasetId")
_FORM = ("temporalOptions", "temporalFormat", "aggrMethods", "aggrPeriodDuration", "lang", "local")
_SHOWN = ("attrs", "pick", "omit")
_FILTERS = ("id", "type", "idPattern", "q", "georel", "geometry", "coordinates", "geoproperty")
_MORE_FILTERS = ("temporalScopeQ", "temporalCsf", "temporalExpandValues", "temporalJsonKeys", "splitEntities")
_PAGE = ("limit", "offset", "count")
_QUERY = (*_FILTERS, *_MORE_FILTERS, *_WINDOW, *_SHOWN, *_FORM, "temporalOrderBy", "temporalCollation", *_PAGE)
_READING = ("Link", "NGSILD-Tenant", "Kakehashi-Use", "Idempotency-Key")
_WRITING = ("local", "Link", "NGSILD-Tenant")
_HEADERS = ("Link", "Kakehashi-Flow", "Kakehashi-Replay-Of", "NGSILD-Warning", "Server-Timing")
_READ_FAULTS = (400, 401, 403, 406, 422, 503, 504, 508)
_WRITE_FAULTS = (400, 401, 403, 404, 409, 413, 415, 429, 502, 503, 504, 508)
_BARE_WRITE_FAULTS = (400, 401, 403, 404, 409, 429, 502, 503, 504, 508)
_DONE = Answer("Done.")
_PARTLY = Answer("Some of it could not be done.", (Content("BatchOperationResult", media=("application/json",)),))
_UPDATED = Answer("Some of it could not be done.", (Content("UpdateResult", media=("application/json",)),))


def _answers(*, many: bool) -> dict[int, Answer]:
    content = (Content(_SHAPE, many=many, example=[_EVOLUTION] if many else _EVOLUTION),)
    headers = (*_HEADERS, "NGSILD-Results-Count") if many else _HEADERS
    whole = Answer("All instances that were asked for.", content, headers)
    return {
        200: whole,
        203: older(whole),
        206: Answer("The instances of a part of the time that was asked for.", content, (*headers, "Content-Range")),
    }


def _with_map(answers: dict[int, Answer]) -> dict[int, Answer]:
    return {
        status: replace(answer, headers=(*answer.headers, "NGSILD-EntityMap")) for status, answer in answers.items()
    }


def _mapped(answers: dict[int, Answer]) -> dict[int, Answer]:
    """With those of an EntityMap, and 201 where it was made."""
    found = _with_map(answers)
    return found | {201: found[200]}


_POSTED = Operation(
    "post",
    f"{_NGSI}/entityOperations/query",
    "queryEvolutionsByPost",
    "entities",
    "Query temporal evolutions by POST / POSTで時系列を検索する",
    "Clause 6.24: the question as a Query document (clause 5.2.23).",
    "Query文書（5.2.23節）で検索します。",
    _mapped(_answers(many=True)),
    ("temporalOptions", "temporalFormat", "lang", "local", *_PAGE, *MAPPED, "Prefer", *_READING),
    Content({"type": "object"}, example=_QUESTION),
    (*_READ_FAULTS, 413, 415),
)

TEMPORAL: tuple[Operation, ...] = (
    Operation(
        "get",
        f"{_NGSI}/entities",
        "queryEvolutions",
        "entities",
        "Query temporal evolutions / 時系列を検索する",
        "Clause 5.7.4, over all areas. timerel and timeAt are needed, and one of type, attrs, q, georel or "
        "local=true. At most 20 instances of an entity (KAKEHASHI_TEMPORAL_PAGE) are given at once: 206 with "
        "Content-Range says which time.",
        "すべての提供元の時系列を検索し、インスタンス単位で統合します。timerelとtimeAtが必要です。1エンティティ20件を超えるときは206とContent-Rangeで一部を返します。",
        _mapped(_answers(many=True)),
        (*_QUERY, *MAPPED, "Prefer", *_READING),
        faults=_READ_FAULTS,
    ),
    _POSTED,
    *temporal_map_operations((*_QUERY, *_READING), _POSTED),
    Operation(
        "post",
        f"{_NGSI}/entities",
        "createEvolution",
        "local store",
        "Create or add to a temporal evolution / 時系列を作成・追加する",
        "Clause 5.6.11, here and at the sources that are registered for it. Evolutions also grow by themselves with "
        "every change of an entity of the local store.",
        "ローカルストアのエンティティが変わると、時系列は自動的にも記録されます。",
        {
            201: Answer("Created.", headers=("Location",)),
            204: Answer("It was there and has been added to."),
            207: _PARTLY,
        },
        _WRITING,
        Content(_SHAPE, example=_EVOLUTION),
        tuple(sorted({*_WRITE_FAULTS} - {404})),
        "writer",
    ),
    Operation(
        "get",
        f"{_NGSI}/entities/{{entity_id}}",
        "retrieveEvolution",
        "entities",
        "Retrieve the temporal evolution of an entity / 1件の時系列を取得する",
        "Clause 5.7.3, over all areas: instances that several sources have are merged.",
        "すべての提供元から取得し、インスタンス単位で統合します。",
        _with_map(_answers(many=False)),
        ("entity_id", *_WINDOW, *_SHOWN, *_FORM, *MAPPED, "Prefer", *_READING),
        faults=(*_READ_FAULTS, 404),
    ),
    Operation(
        "post",
        f"{_NGSI}/entities/{{entity_id}}/attrs",
        "addToEvolution",
        "local store",
        "Add instances of attributes to an evolution / 時系列に属性のインスタンスを追加する",
        "Clause 5.6.12.",
        "属性のインスタンスを追加します。",
        {204: _DONE, 207: _UPDATED},
        ("entity_id", *_WRITING),
        Content(_SHAPE, example={"capacity": _EVOLUTION["capacity"]}),
        _WRITE_FAULTS,
        "writer",
    ),
    Operation(
        "patch",
        f"{_NGSI}/entities/{{entity_id}}/attrs/{{attr_id}}/{{instance_id}}",
        "modifyInstance",
        "local store",
        "Correct one instance / インスタンスを訂正する",
        "Clause 5.6.14: the instance is replaced; its instanceId and createdAt stay.",
        "instanceIdとcreatedAtはそのままです。",
        {204: _DONE, 207: _UPDATED},
        ("entity_id", "attr_id", "instance_id", *_WRITING),
        Content(_SHAPE, example=_EVOLUTION["capacity"][0]),
        _WRITE_FAULTS,
        "writer",
    ),
    Operation(
        "delete",
        f"{_NGSI}/entities/{{entity_id}}/attrs/{{attr_id}}/{{instance_id}}",
        "deleteInstance",
        "local store",
        "Delete one instance / インスタンスを削除する",
        "Clause 5.6.15.",
        "インスタンスを削除します。",
        {204: _DONE, 207: _UPDATED},
        ("entity_id", "attr_id", "instance_id", *_WRITING),
        faults=_BARE_WRITE_FAULTS,
        key="writer",
    ),
    Operation(
        "delete",
        f"{_NGSI}/entities/{{entity_id}}/attrs/{{attr_id}}",
        "deleteFromEvolution",
        "local store",
        "Delete an attribute of an evolution / 時系列から属性を削除する",
        "Clause 5.6.13: the default instances, those of datasetId, or with deleteAll all of them.",
        "既定のインスタンス、datasetIdのもの、またはdeleteAllですべてを削除します。",
        {204: _DONE, 207: _UPDATED},
        ("entity_id", "attr_id", "temporalDatasetId", "deleteAll", *_WRITING),
        faults=_BARE_WRITE_FAULTS,
        key="writer",
    ),
    Operation(
        "delete",
        f"{_NGSI}/entities/{{entity_id}}",
        "deleteEvolution",
        "local store",
        "Delete the temporal evolution of an entity / 時系列を削除する",
        "Clause 5.6.16. The entity itself stays.",
        "エンティティ自体は残ります。",
        {204: _DONE, 207: _PARTLY},
        ("entity_id", "local", "NGSILD-Tenant"),
        faults=_BARE_WRITE_FAULTS,
        key="writer",
    ),
)
