"""The one table from exception to status, and problem details (RFC 7807; NGSI-LD clauses 5.5.2, 5.5.3, 6.3.2)."""

from __future__ import annotations

from typing import Any

import orjson

from broker.web.negotiation import Media, names
from schemas import errors as e

_ETSI = "https://uri.etsi.org/ngsi-ld/errors/"

_NGSI_LD = ("/ngsi-ld/", "/.well-known/ngsi-ld")

TABLE: dict[type[e.KakehashiError], tuple[int, str, str]] = {
    e.InvalidRequest: (400, _ETSI + "InvalidRequest", "Invalid request"),
    e.BadRequestData: (400, _ETSI + "BadRequestData", "Bad request data"),
    e.TooComplexQuery: (403, _ETSI + "TooComplexQuery", "Too complex query"),
    e.TooManyResults: (403, _ETSI + "TooManyResults", "Too many results"),
    e.UriTooLong: (414, "about:blank", "URI too long"),
    e.BodyTooLarge: (413, "about:blank", "Request entity too large"),
    e.UnsupportedMediaType: (415, "about:blank", "Unsupported media type"),
    e.NotAcceptable: (406, "about:blank", "Not acceptable"),
    e.ContextNotAvailable: (504, _ETSI + "LdContextNotAvailable", "The @context is not available"),
    e.NotFound: (404, _ETSI + "ResourceNotFound", "Resource not found"),
    e.NoSuchTenant: (404, _ETSI + "NonexistentTenant", "No such tenant"),
    e.AlreadyExists: (409, _ETSI + "AlreadyExists", "Already exists"),
    e.Conflict: (409, _ETSI + "Conflict", "Conflict"),
    e.WrongState: (409, "about:blank", "Not in this state"),
    e.OperationNotSupported: (422, _ETSI + "OperationNotSupported", "Operation not supported"),
    e.ProbeFailed: (422, "about:blank", "The platform can't be used as it was given"),
    e.IdempotencyConflict: (422, "about:blank", "Idempotency-Key was used with another request"),
    e.Unauthorized: (401, "about:blank", "Unauthorized"),
    e.Forbidden: (403, "about:blank", "Forbidden"),
    e.QuotaExceeded: (429, "about:blank", "The quota of the agreement is used up"),
    e.LoopDetected: (508, "about:blank", "Loop detected"),
    e.MeteringUnavailable: (503, "about:blank", "Nothing can be delivered now: it could not be recorded"),
    e.StoreUnavailable: (503, "about:blank", "The database does not answer"),
    e.SettingsError: (500, _ETSI + "InternalError", "A setting is wrong"),
    e.SourceTimeout: (504, "about:blank", "The platform did not answer in time"),
    e.SourceLoop: (508, "about:blank", "Loop detected"),
    e.SourceError: (502, "about:blank", "The platform can't be used"),
}

Headers = list[tuple[bytes, bytes]]


def media_of(path: str, accept: str = "") -> Media:
    """The media type of a problem. Clause 5.5.3 wants plain JSON; our own API and who names it get RFC 7807's."""
    return Media.JSON if is_ngsi_ld(path) and not names(accept, Media.PROBLEM) else Media.PROBLEM


def is_ngsi_ld(path: str) -> bool:
    """True if the path is NGSI-LD's, by which errors are plain JSON."""
    return path.startswith(_NGSI_LD)


def row(error: e.KakehashiError) -> tuple[int, str, str]:
    """Status, problem type and title: the row of the nearest class."""
    for cls in type(error).__mro__:
        found = TABLE.get(cls)
        if found is not None:
            return found
    return 500, _ETSI + "InternalError", "Internal error"


def document(error: e.KakehashiError) -> dict[str, Any]:
    """The members of the problem: `field`, `value` and `clause` say where the fault lies."""
    status, type_, title = row(error)
    body: dict[str, Any] = {"type": type_, "title": title, "status": status, "detail": error.detail}
    for name in ("field", "value", "clause"):
        given = getattr(error, name)
        if given is not None:
            body[name] = given
    if isinstance(error, e.QuotaExceeded):
        body["reset"] = error.reset
    if isinstance(error, e.NotAcceptable):
        body["available"] = list(error.available)
    return body


def problem(error: Exception, media: Media) -> tuple[int, Headers, bytes]:
    """Status, headers and body for an error. What we did not raise on purpose says nothing of its cause.

    `media`: as of `media_of`.
    """
    if not isinstance(error, e.KakehashiError):
        body = {
            "type": _ETSI + "InternalError",
            "title": "Internal error",
            "status": 500,
            "detail": "a fault of the gateway; it is in the log under this request's id",
        }
        return 500, [(b"content-type", media.encode())], orjson.dumps(body)
    status = row(error)[0]
    if status == 415:
        # clause 6.3.4: just the status
        return status, [(b"accept", b"application/json, application/ld+json")], b""
    headers: Headers = [(b"content-type", media.encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="kakehashi"'))
    if isinstance(error, e.QuotaExceeded):
        headers.append((b"retry-after", str(error.after).encode()))
    if status == 503:
        headers.append((b"retry-after", b"1"))
    return status, headers, _dump(document(error))


def _dump(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate in what was sent
        return orjson.dumps(body | {"value": ascii(body.get("value")), "detail": ascii(body["detail"])})
