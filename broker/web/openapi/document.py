"""The OpenAPI 3.1 document: FastAPI's own, with the routes that stand in front of it and what FastAPI can't know."""

from __future__ import annotations

from copy import deepcopy
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from broker.web.negotiation import Media
from broker.web.openapi.answers import RESPONSE_HEADERS, SCHEMAS
from broker.web.openapi.model import Answer, Content, Json, Operation
from broker.web.openapi.operations import OPERATIONS
from broker.web.openapi.page import choose_language, render_docs
from broker.web.openapi.parameters import PARAMETERS
from broker.web.problems import is_ngsi_ld

_COMPONENTS = "#/components/schemas/"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "API key of a service (kk_…) or of the administration",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, in a header"},
}
_EITHER: list[Json] = [{"bearer": []}, {"apiKey": []}]
_TAGS: dict[str, tuple[str, str]] = {
    "entities": ("Reading, over all areas", "全エリアの参照"),
    "local store": ("Writing to the gateway's own store", "ゲートウェイ自身のストアへの書き込み"),
    "registrations": ("Platforms as context source registrations", "コンテキストソース登録"),
    "platforms": ("Registering the areas' platforms", "エリアのプラットフォームの登録"),
    "agreements": ("Agreements on the use of data", "データ利用協定"),
    "metering": ("What was delivered, and the figures", "提供の記録と指標"),
    "programme": ("Projects and KPI(定量)", "プロジェクトとKPI(定量)"),
    "subscriptions": ("Subscriptions and notifications", "サブスクリプションと通知"),
    "contexts": ("Stored @contexts", "保存された@context"),
    "catalogue": ("The data catalogue", "データカタログ"),
    "operation": ("Health and metrics", "稼働状況"),
}
_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Vary": "Accept-Language"}
_TENANTLESS = ("/ngsi-ld/v1/jsonldContexts", "/ngsi-ld/v1/info/")
"""What is answered for a tenant that does not exist, too."""
_OF_SERVICES = frozenset({"metering", "agreements"})
_ALWAYS = (400, 401, 403, 503)
_OF_PATHS = (404,)
_OF_CHANGES = (409, 413, 422)
_OF_ADDRESSES = (414,)


class DocumentedApp(FastAPI):
    """`/openapi.json` has all routes of the gateway, and `/docs` needs nothing from elsewhere."""

    def __init__(self, **options: Any) -> None:
        super().__init__(docs_url=None, redoc_url=None, **options)
        self.add_route("/docs", self._docs, include_in_schema=False)

    def openapi(self) -> Json:
        """Made at the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = document_ngsi_ld(super().openapi())
        return self.openapi_schema

    async def _docs(self, request: Request) -> Response:
        lang = choose_language(request.query_params.get("lang"), request.headers.get("accept-language", ""))
        return HTMLResponse(render_docs(self.openapi(), lang), headers=_PAGE_HEADERS)


def document_ngsi_ld(openapi: Json) -> Json:
    """FastAPI's document with the operations of `OPERATIONS` merged in; the input stays as it is. Twice is as once.

    FastAPI's own operations get the key that they need and problem details instead of its validation errors, and the
    `$defs` of inline schemas move to the components, where their references are resolved.
    """
    document: Json = deepcopy(openapi)
    components: Json = document.setdefault("components", {})
    schemas: Json = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(deepcopy(SCHEMAS))
    components["headers"] = deepcopy(RESPONSE_HEADERS)
    components["parameters"] = deepcopy(PARAMETERS)
    components["securitySchemes"] = deepcopy(_SECURITY)
    components["responses"] = {
        _name_of(status, ngsi_ld): _problem(status, ngsi_ld) for status in _all_faults() for ngsi_ld in (False, True)
    }
    _lift_definitions(document, schemas)
    merged: Json = {}
    for told in OPERATIONS:
        merged.setdefault(told.path, {})[told.method] = _operation(told)
    others = {path: item for path, item in document.get("paths", {}).items() if path not in merged}
    for path, item in others.items():
        for method in _METHODS:
            if method in item:
                _complete(item[method], has_hole="{" in path, changes=method not in ("get", "head"))
    document["paths"] = merged | others
    document["tags"] = [{"name": n, "description": f"{en} / {ja}"} for n, (en, ja) in _TAGS.items()]
    return document


# --- the table ---------------------------------------------------------------------------------------------------


def _faults_of(told: Operation) -> tuple[int, ...]:
    """Those that it names, and those that come with what it takes, whatever it does."""
    faults = set(told.faults)
    if told.parameters:
        faults |= {400, 414}
    if "NGSILD-Tenant" in told.parameters and not told.path.startswith(_TENANTLESS):
        faults.add(404)
    if "Idempotency-Key" in told.parameters:
        faults.add(422)
    if "Link" in told.parameters:
        faults.add(504)
    if told.body is not None:
        faults |= {411, 413, 415}
    return tuple(sorted(faults - set(told.answers)))


def _operation(told: Operation) -> Json:
    made: Json = {
        "operationId": told.id,
        "tags": [told.tag],
        "summary": told.summary,
        "description": told.description,
        "x-description-ja": told.description_ja,
        "responses": {str(status): _answer(answer) for status, answer in told.answers.items()}
        | _problems(_faults_of(told), ngsi_ld=is_ngsi_ld(told.path)),
        "security": deepcopy(_EITHER) if told.key else [],
    }
    if told.key:
        made["x-key"] = told.key
    if told.parameters:
        made["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in told.parameters]
    if told.body is not None:
        made["requestBody"] = {"required": True, "content": _content(told.body)}
    return made


def _answer(answer: Answer) -> Json:
    headers = ("X-Request-Id", *answer.headers)
    made: Json = {
        "description": answer.description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
    }
    content: Json = {}
    for one in answer.content:
        content |= _content(one)
    if content:
        made["content"] = content
    return made


def _content(content: Content) -> Json:
    schema: Json = {"$ref": _COMPONENTS + content.schema} if isinstance(content.schema, str) else content.schema
    body: Json = {"schema": {"type": "array", "items": schema} if content.many else schema}
    if content.example is not None:
        body["example"] = content.example
    return {media: deepcopy(body) for media in content.media}


# --- problems ----------------------------------------------------------------------------------------------------


def _all_faults() -> list[int]:
    return sorted(
        {status for told in OPERATIONS for status in _faults_of(told)}
        | {*_ALWAYS, *_OF_PATHS, *_OF_CHANGES, *_OF_ADDRESSES}
    )


def _problems(statuses: tuple[int, ...], *, ngsi_ld: bool) -> Json:
    return {str(s): {"$ref": f"#/components/responses/{_name_of(s, ngsi_ld)}"} for s in sorted(statuses)}


def _name_of(status: int, ngsi_ld: bool) -> str:
    return f"NgsiLdProblem{status}" if ngsi_ld else f"Problem{status}"


def _problem(status: int, ngsi_ld: bool) -> Json:
    if status in (411, 415):
        # clause 6.3.4: without a body
        return {"description": HTTPStatus(status).phrase}
    # clause 5.5.3: plain JSON, unless who asks names the other; and for what is refused before its path is known
    media = (Media.JSON, Media.PROBLEM) if ngsi_ld or status in _OF_ADDRESSES else (Media.PROBLEM,)
    return {
        "description": HTTPStatus(status).phrase,
        "content": {str(m): {"schema": {"$ref": _COMPONENTS + "Problem"}} for m in media},
    }


# --- FastAPI's own -------------------------------------------------------------------------------------------------


def _complete(operation: Json, *, has_hole: bool, changes: bool) -> None:
    """Key, problems and free-form answers of an operation that FastAPI described."""
    operation.setdefault("security", deepcopy(_EITHER))
    if operation["security"]:
        of_services = not _OF_SERVICES.isdisjoint(operation.get("tags", ()))
        operation.setdefault("x-key", "service" if of_services else "administration")
    responses: Json = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    faults = _ALWAYS + (_OF_PATHS if has_hole else ()) + (_OF_CHANGES if changes else ())
    if operation.get("parameters"):
        faults += _OF_ADDRESSES
    for status, problem in _problems(faults, ngsi_ld=False).items():
        responses.setdefault(status, problem)


def _lift_definitions(node: Any, schemas: Json) -> None:
    """Move every `$defs` into `schemas` and turn the references round."""
    if isinstance(node, dict):
        for name, schema in node.pop("$defs", {}).items():
            schemas.setdefault(name, schema)
            _lift_definitions(schema, schemas)
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            node["$ref"] = _COMPONENTS + reference.removeprefix("#/$defs/")
        for inner in list(node.values()):
            _lift_definitions(inner, schemas)
    elif isinstance(node, list):
        for inner in node:
            _lift_definitions(inner, schemas)
