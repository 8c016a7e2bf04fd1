"""The Link header that names an @context (clause 6.3.5; syntax of RFC 8288)."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import InvalidRequest

CONTEXT_REL = "http://www.w3.org/ns/json-ld#context"

_SPACE = " \t"
_CLAUSE = "6.3.5"


def parse_link_context(value: str) -> str | None:
    """The URL of the @context that a Link header names, as it stands there; None if no link in it is one.

    Several Link headers are one value, joined by commas. Errors: InvalidRequest (field `Link`) for two contexts, an
    empty one, or a header that is no list of links.
    """
    found: str | None = None
    for target, params in _links(value):
        if CONTEXT_REL not in params.get("rel", "").lower().split():
            continue
        if found is not None:
            raise _invalid("the Link header names two contexts; merge them into one document", value)
        if not target:
            raise _invalid("the Link header names an empty @context", value)
        found = target
    return found


def _links(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    at = _skip(text, 0, _SPACE + ",")
    while at < len(text):
        end = text.find(">", at)
        if text[at] != "<" or end < 0:
            raise _invalid('a Link header is a list of <URL>; rel="…"', text)
        target = text[at + 1 : end].strip()
        params: dict[str, str] = {}
        at = _skip(text, end + 1, _SPACE)
        while at < len(text) and text[at] == ";":
            name, found, at = _parameter(text, at + 1)
            if name:
                params.setdefault(name, found)
        if at < len(text) and text[at] != ",":
            raise _invalid("between two links of a Link header stands a comma", text)
        yield target, params
        at = _skip(text, at, _SPACE + ",")


def _parameter(text: str, at: int) -> tuple[str, str, int]:
    """Name in lower case, value without its quotes, and the position of the delimiter behind it."""
    start = at = _skip(text, at, _SPACE)
    at = _until(text, at, "=;,")
    name = text[start:at].strip().lower()
    if at >= len(text) or text[at] != "=":
        return name, "", at
    at = _skip(text, at + 1, _SPACE)
    if at < len(text) and text[at] == '"':
        quoted, at = _quoted(text, at + 1)
        return name, quoted, _skip(text, at, _SPACE)
    start, at = at, _until(text, at, ";,")
    return name, text[start:at].strip(), at


def _quoted(text: str, at: int) -> tuple[str, int]:
    found: list[str] = []
    while at < len(text):
        if text[at] == '"':
            return "".join(found), at + 1
        if text[at] == "\\":
            at += 1
        found.append(text[at : at + 1])
        at += 1
    raise _invalid("a quoted value in the Link header has no end", text)


def _skip(text: str, at: int, chars: str) -> int:
    while at < len(text) and text[at] in chars:
        at += 1
    return at


def _until(text: str, at: int, chars: str) -> int:
    while at < len(text) and text[at] not in chars:
        at += 1
    return at


def _invalid(detail: str, value: str) -> InvalidRequest:
    return InvalidRequest(detail, field="Link", value=value, clause=_CLAUSE)
