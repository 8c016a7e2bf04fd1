"""The routes that stand in front of FastAPI, as a table of documented operations. Data only."""

from __future__ import annotations

from dataclasses import replace

from broker.web.openapi.consumption import DISCOVERY, LINKING, SELECTING, by_post, one_or_flat
from broker.web.openapi.contexts import CONTEXT_OPERATIONS
from broker.web.openapi.entity_maps import MAPPED, entity_map_operations
from broker.web.openapi.model import JSON, Answer, Content, Json, Operation, older
from broker.web.openapi.provision import PROVISION, SHELTER
from broker.web.openapi.subscriptions import SUBSCRIPTION_OPERATIONS
from broker.web.openapi.temporal import TEMPORAL

NGSI = "/ngsi-ld/v1"
_RENDERING = ("attrs", "pick", "omit", "options", "format", "lang", "geometryProperty", "local", *LINKING)
_FILTERS = ("id", "type", "idPattern", "q", "georel", "geometry", "coordinates", "geoproperty", *SELECTING)
_QUERY = (*_FILTERS, "limit", "offset", "count", "splitEntities", *_RENDERING)
_READING = ("Link", "NGSILD-Tenant", "Kakehashi-Use", "Idempotency-Key")
_WRITING = ("Link", "NGSILD-Tenant")
_ANSWER = ("Age", "Link", "Kakehashi-Flow", "Kakehashi-Replay-Of", "NGSILD-Warning", "Server-Timing")
_FAULTS = (400, 401)
_ADMIN_FAULTS = (400, 401, 403, 503, 504)
_READ_FAULTS = (400, 401, 403, 406, 422, 503, 504, 508)

REGISTRATION: Json = {
    "type": "ContextSourceRegistration",
    "registrationName": "takeshiba",
    "information": [{"entities": [{"type": "EvacuationShelter"}]}],
    "endpoint": "https://cityos.example.jp",
}


_ENTITIES = Answer(
    "The entities: in ascending order of id, or in the order of the only source that can hold any of them.",
    (
        Content("ShownEntity", many=True, example=[SHELTER]),
        Content("FeatureCollection", media=("application/geo+json",)),
    ),
    (*_ANSWER, "NGSILD-Results-Count"),
)
_PAGE = replace(_ENTITIES, headers=(*_ENTITIES.headers, "NGSILD-EntityMap"))
_ENTITY = Answer(
    "The entity; with join=flat an array of it and those that it leads to.",
    (
        Content(one_or_flat("ShownEntity"), example=SHELTER),
        Content(one_or_flat("Feature", "FeatureCollection"), media=("application/geo+json",)),
    ),
    (*_ANSWER, "NGSILD-EntityMap"),
)
_DONE = Answer("Done.")


_POSTED = by_post(_PAGE, older(_PAGE))

OPERATIONS: tuple[Operation, ...] = (
    *PROVISION,
    Operation(
        "get",
        f"{NGSI}/entities",
        "queryEntities",
        "entities",
        "Query entities over all areas / 全エリアのエンティティを検索する",
        "Asks every source that can hold something of it (clause 5.7.2), merges by entity id and gives one page. A "
        "source that fails does not fail the answer: NGSILD-Warning names it. At least one of type, attrs, q, georel "
        "or local=true is needed.",
        "該当しうるすべての提供元に問い合わせ、IDで統合した1ページを返します。失敗した提供元はNGSILD-Warningで示されます。",
        {200: _PAGE, 201: _PAGE, 203: older(_PAGE)},
        (*_QUERY, *MAPPED, "Prefer", *_READING, "Cache-Control"),
        faults=_READ_FAULTS,
    ),
    Operation(
        "get",
        f"{NGSI}/entities/{{entity_id}}",
        "retrieveEntity",
        "entities",
        "Retrieve one entity / エンティティを1件取得する",
        "Clause 5.7.1. Parts that several sources hold are merged.",
        "複数の提供元に分かれた属性は統合されます。",
        {200: _ENTITY, 203: older(_ENTITY)},
        ("entity_id", "type", *_RENDERING, *MAPPED, "Prefer", *_READING, "Cache-Control"),
        faults=(*_READ_FAULTS, 404),
    ),
    _POSTED,
    *DISCOVERY,
    Operation(
        "get",
        f"{NGSI}/types",
        "retrieveEntityTypes",
        "entities",
        "The entity types that there are / 存在する型の一覧",
        "Clause 5.7.5: every source of the tenant is asked what it has now.",
        "テナントのすべての提供元に、現在の型を問い合わせます。",
        {
            200: Answer(
                "The types, compacted by the @context.",
                (
                    Content(
                        {
                            "oneOf": [
                                {"$ref": "#/components/schemas/EntityTypeList"},
                                {"type": "array", "items": {"$ref": "#/components/schemas/EntityType"}},
                            ]
                        },
                        example={
                            "id": "urn:ngsi-ld:EntityTypeList:0d0f4ae6-5c3a-4bd4-a2b4-2d1a2f1cf1d0",
                            "type": "EntityTypeList",
                            "typeList": ["AccessibleToilet", "EvacuationShelter"],
                        },
                    ),
                ),
                _ANSWER,
            )
        },
        ("local", "typeDetails", *_READING),
        faults=_READ_FAULTS,
    ),
    Operation(
        "get",
        f"{NGSI}/csourceRegistrations",
        "queryRegistrations",
        "registrations",
        "The platforms as context source registrations / 登録情報の一覧",
        "Clauses 5.10.2, 6.8.3.2, 5.12: the registrations of sources that may have what is asked for. One of type, "
        "attrs, q and georel is needed, or local=true for all of them; with a timerel those of temporal evolutions.",
        "該当するデータを提供しうる登録を示します。local=trueならすべてです。",
        {
            200: Answer(
                "The registrations of the tenant.",
                (Content("ContextSourceRegistration", many=True),),
                ("Link", "NGSILD-Results-Count"),
            )
        },
        (
            *("id", "type", "idPattern", "attrs", "q", "georel", "geometry", "coordinates", "geoproperty"),
            *("scopeQ", "csf", "timerel", "timeAt", "endTimeAt", "timeproperty"),
            *("limit", "offset", "count", "local", "options", "Link", "NGSILD-Tenant"),
        ),
        faults=(*_FAULTS, 406, 503, 504),
    ),
    Operation(
        "post",
        f"{NGSI}/csourceRegistrations",
        "createRegistration",
        "registrations",
        "Register a context source / コンテキストソースを登録する",
        "Clause 5.9.2. Answered at once; the source is probed once a question has gone to it. Makes a platform of the "
        "adapter ngsi_ld without an area.",
        "すぐに201を返します。提供元の検査は、最初に問い合わせが届いた後に行います。エリアなしのngsi_ldプラットフォームになります。",
        {201: Answer("Registered.", headers=("Location",))},
        _WRITING,
        Content("ContextSourceRegistration", example=REGISTRATION),
        (*_ADMIN_FAULTS, 409, 413, 415),
        "administration",
    ),
    Operation(
        "get",
        f"{NGSI}/csourceRegistrations/{{registration_id}}",
        "retrieveRegistration",
        "registrations",
        "One registration / 登録情報の詳細",
        "Clause 5.10.1.",
        "登録情報を1件返します。",
        {200: Answer("The registration.", (Content("ContextSourceRegistration"),), ("Link",))},
        ("registration_id", "options", "Link", "NGSILD-Tenant"),
        faults=(*_FAULTS, 404, 406, 503, 504),
    ),
    Operation(
        "patch",
        f"{NGSI}/csourceRegistrations/{{registration_id}}",
        "updateRegistration",
        "registrations",
        "Change a registration / 登録情報を変更する",
        "Clause 5.9.3: members that are given replace those that are there, null takes one away.",
        "与えた項目で置き換えます。nullは項目を消します。",
        {204: _DONE},
        ("registration_id", *_WRITING),
        Content({"type": "object"}, example={"endpoint": "https://new.example.jp"}),
        (*_ADMIN_FAULTS, 404, 409, 413, 415),
        "administration",
    ),
    Operation(
        "delete",
        f"{NGSI}/csourceRegistrations/{{registration_id}}",
        "deleteRegistration",
        "registrations",
        "Delete a registration / 登録を削除する",
        "Clause 5.9.4. The platform is forgotten; its flows stay in the record.",
        "プラットフォームを削除します。記録されたフローは残ります。",
        {204: _DONE},
        ("registration_id", "NGSILD-Tenant"),
        faults=(400, 401, 403, 404, 503),
        key="administration",
    ),
    *TEMPORAL,
    Operation(
        "get",
        "/federation/explain",
        "explain",
        "entities",
        "The plan of a query / 問い合わせ計画",
        "The same parameters as the query of entities; no source is asked and nothing is metered.",
        "検索と同じパラメータで、問い合わせずに計画だけを示します。",
        {200: Answer("The plan, in words.", (Content({"type": "object"}, media=JSON),))},
        (*_QUERY, "Link", "NGSILD-Tenant"),
        faults=(400, 401, 403, 406, 504),
    ),
    Operation(
        "get",
        "/health/live",
        "live",
        "operation",
        "The process runs / 稼働確認",
        "200 as long as the process runs its loop.",
        "プロセスが動いていれば200。",
        {200: Answer("Live.", (Content({"type": "object"}, media=JSON, example={"status": "live"}),))},
        key="",
    ),
    Operation(
        "get",
        "/health/ready",
        "ready",
        "operation",
        "Requests can be answered and recorded / 応答可能の確認",
        "503 names what is missing.",
        "応答と記録ができれば200。できなければ503で不足を示します。",
        {
            200: Answer("Ready.", (Content({"type": "object"}, media=JSON, example={"status": "ready"}),)),
            503: Answer(
                "Not ready.",
                (Content({"type": "object"}, media=JSON, example={"status": "not ready", "missing": ["database"]}),),
            ),
        },
        key="",
    ),
    Operation(
        "get",
        "/metrics",
        "metrics",
        "operation",
        "Prometheus metrics / 監視指標",
        "Requests, sources, breakers, settlement.",
        "リクエスト、提供元、ブレーカー、記録の状況。",
        {200: Answer("Prometheus text.", (Content({"type": "string"}, media=("text/plain",)),))},
        key="",
    ),
    *entity_map_operations((*_QUERY, *_READING), _POSTED),
    *CONTEXT_OPERATIONS,
    *SUBSCRIPTION_OPERATIONS,
)
