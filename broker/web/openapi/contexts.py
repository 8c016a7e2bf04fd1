"""The operations on stored @contexts and those by which the gateway describes itself, documented. Data only."""

from __future__ import annotations

from broker.web.openapi.model import JSON, Answer, Content, Json, Operation

_NGSI = "/ngsi-ld/v1"
_HOSTED: Json = {"@context": {"capacity": "https://smartdatamodels.org/dataModel.Example/capacity"}}
_ID = "urn:ngsi-ld:Context:0f8fad5bd9cb469fa16570867728950e"
_FLAG: Json = {"type": "boolean", "default": False}

CONTEXT_PARAMETERS: dict[str, Json] = {
    "context_id": {
        "name": "context_id",
        "in": "path",
        "required": True,
        "description": "Local identifier of a stored @context; of a cached one also the URL that it came from.",
        "x-description-ja": "保存された@contextのローカルID。キャッシュの場合は元のURLでもよい",
        "schema": {"type": "string", "minLength": 1},
        "example": _ID,
    },
    "contextDetails": {
        "name": "details",
        "in": "query",
        "required": False,
        "description": "What is known of it (clause 5.13.3.5) instead of the URL or the document.",
        "x-description-ja": "URLや本文の代わりにメタデータを返す（5.13.3.5節）",
        "schema": _FLAG,
        "example": True,
    },
    "contextKind": {
        "name": "kind",
        "in": "query",
        "required": False,
        "description": "Only those of this kind.",
        "x-description-ja": "この種類だけを返す",
        "schema": {"type": "string", "enum": ["Hosted", "Cached", "ImplicitlyCreated"]},
        "example": "Hosted",
    },
    "reload": {
        "name": "reload",
        "in": "query",
        "required": False,
        "description": "Download a cached one anew instead of deleting it.",
        "x-description-ja": "キャッシュを削除せず再取得する",
        "schema": _FLAG,
        "example": True,
    },
}

CONTEXT_SCHEMAS: dict[str, Json] = {
    "LocalContext": {
        "type": "object",
        "description": "A JSON-LD local context (clause 5.13.2.3).",
        "required": ["@context"],
        "properties": {"@context": {"type": ["string", "array", "object"]}},
    },
    "StoredContext": {
        "type": "object",
        "description": "What is known of a stored @context (clause 5.13.3.5).",
        "required": ["URL", "localId", "kind", "createdAt"],
        "properties": {
            "URL": {"type": "string", "format": "uri"},
            "localId": {"type": "string", "format": "uri"},
            "kind": {"type": "string", "enum": ["Hosted", "Cached", "ImplicitlyCreated"]},
            "createdAt": {"type": "string", "format": "date-time"},
            "expiresAt": {"type": "string", "format": "date-time"},
            "lastUsage": {"type": "string", "format": "date-time"},
            "numberOfHits": {"type": "integer", "minimum": 0},
        },
    },
    "ContextSourceIdentity": {
        "type": "object",
        "description": "Clause 5.2.40.",
        "required": ["id", "type", "contextSourceAlias", "contextSourceUptime", "contextSourceTimeAt"],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": "ContextSourceIdentity"},
            "contextSourceAlias": {"type": "string", "minLength": 1},
            "contextSourceUptime": {"type": "string", "description": "A duration (ISO 8601)."},
            "contextSourceTimeAt": {"type": "string", "format": "date-time"},
        },
    },
    "Conformance": {
        "type": "object",
        "required": ["id", "type", "specification", "specificationVersion", "multiTenancy", "resources"],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": "Conformance"},
            "specification": {"type": "string"},
            "specificationVersion": {"type": "string"},
            "multiTenancy": {"type": "boolean"},
            "resources": {"type": "array", "items": {"type": "string"}},
        },
    },
    "Discovery": {
        "type": "object",
        "required": ["specification", "supportedApiVersions", "supportedFeatures", "apiRoot"],
        "properties": {
            "specification": {"type": "string"},
            "supportedApiVersions": {"type": "array", "items": {"type": "string"}},
            "supportedFeatures": {"type": "array", "items": {"type": "string"}},
            "apiRoot": {"type": "string", "format": "uri"},
        },
    },
}

CONTEXT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        f"{_NGSI}/jsonldContexts",
        "listContexts",
        "contexts",
        "The stored @contexts / 保存された@contextの一覧",
        "Clause 5.13.3: those of the tenant and the cached ones, as URLs or with what is known of each.",
        "テナントの@contextとキャッシュの一覧を、URLまたはメタデータで返します。",
        {
            200: Answer(
                "URLs, or with `details` objects.",
                (
                    Content(
                        {
                            "type": "array",
                            "items": {
                                "anyOf": [
                                    {"type": "string", "format": "uri"},
                                    {"$ref": "#/components/schemas/StoredContext"},
                                ]
                            },
                        }
                    ),
                ),
            )
        },
        ("contextDetails", "contextKind", "NGSILD-Tenant"),
        faults=(400, 401, 406, 503),
    ),
    Operation(
        "post",
        f"{_NGSI}/jsonldContexts",
        "addContext",
        "contexts",
        "Host an @context / @contextを保存して公開する",
        "Clause 5.13.2. Its address is in Location; below the public URL of the gateway it can be named in a Link.",
        "@contextを保存し、Locationのアドレスで公開します。",
        {201: Answer("Stored.", headers=("Location",))},
        ("NGSILD-Tenant",),
        Content("LocalContext", example=_HOSTED),
        (400, 401, 403, 411, 413, 415, 422, 503),
        "administration",
    ),
    Operation(
        "get",
        f"{_NGSI}/jsonldContexts/{{context_id}}",
        "serveContext",
        "contexts",
        "Serve a stored @context / 保存された@contextを取得する",
        "Clause 5.13.4. The document of a hosted or implicitly created one needs no key, so that whoever finds its "
        "address in a Link can fetch it; a cached one is not served. `details` needs a service's key.",
        "公開された@contextの本文を返します（キー不要）。detailsの場合はキーが必要です。",
        {
            200: Answer(
                "The document, or with `details` what is known of it.",
                (
                    Content(
                        {
                            "anyOf": [
                                {"$ref": "#/components/schemas/LocalContext"},
                                {"$ref": "#/components/schemas/StoredContext"},
                            ]
                        },
                        example=_HOSTED,
                    ),
                ),
            )
        },
        ("context_id", "contextDetails", "NGSILD-Tenant"),
        faults=(400, 401, 404, 406, 422, 503),
        key="",
    ),
    Operation(
        "delete",
        f"{_NGSI}/jsonldContexts/{{context_id}}",
        "deleteContext",
        "contexts",
        "Delete or reload a stored @context / 保存された@contextを削除または再取得する",
        "Clause 5.13.5. With `reload` a cached one is downloaded anew; if that fails, the old one stays.",
        "@contextを削除します。reloadの場合はキャッシュを再取得します。",
        {204: Answer("Done.")},
        ("context_id", "reload", "NGSILD-Tenant"),
        faults=(400, 401, 403, 404, 503, 504),
        key="administration",
    ),
    Operation(
        "get",
        f"{_NGSI}/info/sourceIdentity",
        "sourceIdentity",
        "operation",
        "Identity as a context source / コンテキストソースとしての識別情報",
        "Clause 5.15.1: the alias in Via headers, of the request's tenant.",
        "Viaヘッダーで使う別名などを返します。",
        {200: Answer("The identity.", (Content("ContextSourceIdentity"),), ("Link",))},
        ("Link", "NGSILD-Tenant"),
        faults=(400, 401, 406, 503, 504),
    ),
    Operation(
        "get",
        f"{_NGSI}/info/conformance",
        "conformance",
        "operation",
        "What the gateway conforms to / 準拠する仕様",
        "The version of the specification and the resources that are served.",
        "準拠する仕様の版と提供するリソースを返します。",
        {200: Answer("Conformance.", (Content("Conformance"),), ("Link",))},
        ("Link", "NGSILD-Tenant"),
        faults=(400, 401, 406, 503, 504),
    ),
    Operation(
        "get",
        "/.well-known/ngsi-ld",
        "discovery",
        "operation",
        "Where the NGSI-LD API is / NGSI-LD APIの場所",
        "For who knows only the host.",
        "ホスト名だけからAPIの場所と機能を知るためのものです。",
        {200: Answer("The API.", (Content("Discovery", media=JSON),))},
        faults=(400,),
        key="",
    ),
)
