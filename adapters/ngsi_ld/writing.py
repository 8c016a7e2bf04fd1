"""Provision operations on an NGSI-LD platform (clauses 6.4–6.7, 6.14–6.22, 6.31): as requests, and what comes back."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import quote

import orjson

from adapters.contract import Services, SourceContext
from adapters.status import raise_for_status
from adapters.upstream import Answer
from schemas.errors import ContextNotAvailable, SourceLoop, SourceUnsupported
from schemas.ngsi_ld.conformance import older
from schemas.ngsi_ld.context import CORE, Context, core_of
from schemas.ngsi_ld.write import Write, Written, in_context
from schemas.platform import Platform

_BATCHES = {
    "createBatch": "create",
    "upsertBatch": "upsert",
    "updateBatch": "update",
    "mergeBatch": "merge",
    "deleteBatch": "delete",
}
_ENTITY = {"replaceEntity": "PUT", "mergeEntity": "PATCH", "deleteEntity": "DELETE"}
_ATTRIBUTES = {"appendAttrs": "POST", "updateEntity": "PATCH"}
_ATTRIBUTE = {"updateAttrs": "PATCH", "replaceAttrs": "PUT", "deleteAttrs": "DELETE"}
_TEMPORAL = {
    "upsertTemporal": "POST",
    "appendAttrsTemporal": "POST",
    "deleteAttrsTemporal": "DELETE",
    "updateAttrInstanceTemporal": "PATCH",
    "deleteAttrInstanceTemporal": "DELETE",
    "deleteTemporal": "DELETE",
}
OPERATIONS = frozenset({"createEntity", "purgeEntity", *_BATCHES, *_ENTITY, *_ATTRIBUTES, *_ATTRIBUTE, *_TEMPORAL})
_REFUSALS = (400, 404, 405, 409, 413, 414, 415, 422, 501)
_LONGEST = 2000
_MOST = 10_000
"""Errors of one batch that are passed on."""


class Speaker(Protocol):
    """What is needed of `NgsiLdAdapter`."""

    platform: Platform
    services: Services
    root: str
    prefix: str

    def headers_for(self, context: Context) -> dict[str, str]: ...


def request_of(write: Write, *, local: bool = False) -> tuple[str, str]:
    """Method and path, with its parameters, below the API's root. `local`: the platform is to go no further."""
    operation = write.operation
    entity = "/entities/" + quote(write.id, safe=":")
    if operation == "createEntity":
        method, path = "POST", "/entities"
    elif operation == "purgeEntity":
        method, path = "DELETE", "/entities"
    elif operation in _BATCHES:
        method, path = "POST", "/entityOperations/" + _BATCHES[operation]
    elif operation in _ENTITY:
        method, path = _ENTITY[operation], entity
    elif operation in _ATTRIBUTES:
        method, path = _ATTRIBUTES[operation], entity + "/attrs/"
    elif operation in _ATTRIBUTE:
        method, path = _ATTRIBUTE[operation], f"{entity}/attrs/{quote(write.attribute or '', safe='')}"
    elif operation in _TEMPORAL:
        method, path = _TEMPORAL[operation], _past(write)
    else:
        raise SourceUnsupported(f"{operation} can't be sent on")
    params = [f"{name}={quote(value, safe=',:')}" for name, value in write.params.items()]
    if local:
        params.append("local=true")
    return method, path + ("?" + "&".join(params) if params else "")


def _past(write: Write) -> str:
    """The path of an operation on an evolution."""
    if write.operation == "upsertTemporal":
        return "/temporal/entities"
    path = "/temporal/entities/" + quote(write.id, safe=":")
    if write.operation == "appendAttrsTemporal":
        return path + "/attrs/"
    if write.attribute is not None:
        path += "/attrs/" + quote(write.attribute, safe="")
    return path + "/" + quote(write.instance, safe=":") if write.instance else path


async def send(speaker: Speaker, write: Write, ctx: SourceContext) -> Written:
    """Do it at the platform. Raises SourceError where it can't be told what became of it, or nothing did."""
    info = dict(speaker.platform.distribution.info)
    sent, retried = await _prepared(speaker, write, info), False
    while True:
        answer = await _exchange(speaker, sent, info, ctx)
        if b"LdContextNotAvailable" in answer.body and answer.status in (400, 503, 504) and not retried:
            # it can't have our context; in the core context IRIs stand for themselves
            sent, retried = in_context(write, CORE), True
            continue
        return read(answer, sent)


async def _prepared(speaker: Speaker, write: Write, info: dict[str, str]) -> Write:
    """In the context in which the platform is to be spoken to (clause 4.3.6.6), which must have an address."""
    wanted = info.get("jsonldcontext")
    if wanted is not None:
        try:
            return in_context(write, core_of(wanted) or await speaker.services.context_of(wanted))
        except ContextNotAvailable as e:
            raise SourceUnsupported(f"the @context that it is registered with can't be had: {e.detail}") from None
    if write.context is not CORE and (write.context.url is None or speaker.platform.options.get("core_context_only")):
        return in_context(write, CORE)
    return write


async def _exchange(speaker: Speaker, sent: Write, info: dict[str, str], ctx: SourceContext) -> Answer:
    method, path = request_of(sent, local=speaker.platform.distribution.local_only)
    headers = dict(speaker.headers_for(sent.context))
    if ctx.origin:
        headers["kakehashi-origin"] = ctx.origin
    payload = _as_known(sent, info.get("ngsildconformance"))
    if payload is not None:
        embedded = info.get("contenttype") == "application/ld+json" and "jsonldcontext" not in info
        headers["content-type"] = "application/ld+json" if embedded else "application/json"
        if embedded:
            headers.pop("link", None)
            payload = _with_context(payload, sent.context)
    body = None if payload is None else orjson.dumps(payload)
    ctx.sent += len(body or b"")
    url = speaker.root + speaker.prefix + path
    return await speaker.services.upstream.request(method, url, ctx=ctx, headers=headers, body=body)


def _as_known(sent: Write, version: str | None) -> Any:
    """The body as the version of the specification that the platform is registered with has it (clause 4.3.6.8)."""
    if sent.instance and sent.body is not None:
        # one instance is sent as the only one of a fragment (clause 5.6.14.3)
        return {sent.attribute: sent.body}
    if version is None or sent.attribute is not None or sent.simplified or sent.temporal:
        return sent.body
    major, minor = map(int, version.split("."))
    if isinstance(sent.body, list):
        return [older(one, (major, minor)) if isinstance(one, dict) else one for one in sent.body]
    return older(sent.body, (major, minor)) if isinstance(sent.body, dict) else sent.body


def _with_context(payload: Any, context: Context) -> Any:
    document = context.document()
    if isinstance(payload, list):
        return [{**one, "@context": document} if isinstance(one, dict) else one for one in payload]
    return {**payload, "@context": document}


def read(answer: Answer, write: Write) -> Written:
    """What an answer means. Raises SourceError for a status that is none of a write's."""
    status = answer.status
    if status == 508:
        raise SourceLoop("the request has passed it already (508)")
    if status in _REFUSALS:
        return Written(status, problem=_problem(answer.body))
    raise_for_status(answer)
    if status == 207:
        return _partial(_loaded(answer.body), write)
    success = None
    if write.operation in _BATCHES and status == 201:
        listed = _loaded(answer.body)
        success = tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else None
    return Written(status, success=success)


def _partial(body: Any, write: Write) -> Written:
    """A BatchOperationResult (clause 5.2.16) or an UpdateResult (5.2.18); one that tells nothing is an error."""
    told = body if isinstance(body, dict) else {}
    refused = {}
    for one in _objects(told.get("notUpdated")):
        name = one.get("attributeName")
        if isinstance(name, str):
            refused[write.context.expand(name)] = str(one.get("reason", ""))[:_LONGEST]
    errors = tuple(_error(one) for one in _objects(told.get("errors"))[:_MOST] if isinstance(one.get("error"), dict))
    success = told.get("success")
    listed = tuple(one for one in success if isinstance(one, str)) if isinstance(success, list) else None
    if not refused and not errors and not listed:
        return Written(207, problem={"title": "Only a part of it was done", "detail": "it does not say which (207)"})
    return Written(207, success=listed, errors=errors, refused=refused)


def _error(given: dict[str, Any]) -> dict[str, Any]:
    """A BatchEntityError as far as it is one: it is passed on."""
    error = given["error"]
    made: dict[str, Any] = _texts(error)
    if isinstance(error.get("status"), int):
        made["status"] = error["status"]
    return {**({"entityId": given["entityId"]} if isinstance(given.get("entityId"), str) else {}), "error": made}


def _texts(problem: dict[str, Any]) -> dict[str, Any]:
    return {k: v[:_LONGEST] for k in ("type", "title", "detail") if isinstance(v := problem.get(k), str)}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _problem(body: bytes) -> dict[str, Any]:
    """The problem details of a refusal, as far as they are texts."""
    told = _loaded(body)
    return _texts(told) if isinstance(told, dict) else {}


def _loaded(body: bytes) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


__all__ = ["OPERATIONS", "read", "request_of", "send"]
