"""What a platform's HTTP status means to us: the one table for all HTTP dialects."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from time import time

import orjson

from adapters.upstream import Answer
from schemas.errors import (
    BadUpstream,
    RateLimited,
    SourceAuth,
    SourceFault,
    SourceLoop,
    SourceNotFound,
    SourceUnsupported,
)


def raise_for_status(answer: Answer) -> None:
    """Nothing for a 2xx; else the error of the tree that says whether asking again helps, in words."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status in (401, 403):
        raise SourceAuth(f"it refuses our credential ({status})", field="credential")
    if status == 404:
        raise SourceNotFound("there is nothing at that path (404)", field="endpoint")
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        raise RateLimited(f"it asks us to slow down ({status})", after=retry_after(answer))
    if status in (400, 405, 406, 413, 414, 415, 422, 501):
        raise SourceUnsupported(f"it does not take the question ({status}{_title(answer)})")
    if status == 508:
        raise SourceLoop("the request has passed it already (508)")
    if status >= 500:
        raise SourceFault(f"it has a fault of its own ({status})")
    raise BadUpstream(f"it answers with the unexpected status {status}", field="endpoint")


def retry_after(answer: Answer) -> float | None:
    """Seconds (RFC 9110 §10.2.3), at most an hour."""
    text = answer.headers.get("retry-after", "")
    if text.isdigit():
        return min(float(text[:6]), 3600.0)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - time(), 0.0), 3600.0)
    except (TypeError, ValueError):
        return None


def _title(answer: Answer) -> str:
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    title = document.get("title") or document.get("error") if isinstance(document, dict) else None
    return f": {title[:120]}" if isinstance(title, str) else ""
