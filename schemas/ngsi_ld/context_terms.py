"""From a JSON-LD context value to a term map. PyLD (JSON-LD 1.1) defines, this module decides what it sees.

References are replaced by the documents that they name before PyLD gets anything, so nothing here is ever fetched. The
core @context stands first, so that its prefixes and @vocab are there for terms defined by them, and its terms are laid
over the result again: they can't be redefined (clauses 4.4 and 5.5.7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from pyld.context_resolver import ContextResolver
from pyld.jsonld import JsonLdError, JsonLdProcessor

from schemas.errors import BadRequestData, ContextNotAvailable
from schemas.ngsi_ld.core_context import LATEST, Term, core_document, core_version_of

MAX_TERMS: Final = 5000
MAX_DOCUMENTS: Final = 20
"""References that are followed for one context, and how deep."""
MAX_OBJECTS: Final = 100
"""Context objects, those of all documents together."""
MAX_NAME: Final = 2048
"""Characters of a term, of its IRI and of a reference."""

_CLAUSE = "4.4"
_IGNORED = ("@base", "@protected", "@propagate", "@language", "@direction", "@import")
"""They touch literals, ids or later contexts, never what a name means here."""
_OPTIONS = {"processingMode": "json-ld-1.1", "base": ""}


@dataclass(slots=True)
class _Flat:
    """The context objects in the order in which they apply, and which core @context was the last one named."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    core: str | None = None
    documents: int = 0
    terms: int = 0


def references(value: object, base: str | None = None) -> list[str]:
    """The absolute URLs that a context value names itself (no documents behind them), core @context URLs left out.

    Relative references need `base`, the URL of the document in which the value stands. Errors: BadRequestData for what
    is no context or no http(s) URL.
    """
    found: list[str] = []
    for item in _items(value):
        named = item if isinstance(item, str) else item.get("@import") if item is not None else None
        if named is not None:
            url = _absolute(named, base)
            if core_version_of(url) is None and url not in found:
                found.append(url)
    return found


def parse(value: object, documents: Mapping[str, Any], base: str | None) -> tuple[dict[str, Term], str]:
    """Terms that the user's context defines (over those of the core @context), and the core version it asks for."""
    flat = _Flat()
    _flatten(value, documents, base, (), flat)
    version = flat.core or LATEST
    if not flat.objects:
        return {}, version
    return dict(_terms(_define(flat.objects, version))), version


def context_of(document: object, url: str) -> object:
    """The context value in a fetched document. ContextNotAvailable if it is none."""
    if not isinstance(document, dict) or "@context" not in document:
        raise ContextNotAvailable(
            "what was fetched is not a JSON object with an @context member", field="@context", value=url, clause=_CLAUSE
        )
    return document["@context"]


def _flatten(value: object, documents: Mapping[str, Any], base: str | None, path: tuple[str, ...], flat: _Flat) -> None:
    for item in _items(value):
        if item is None:
            flat.objects.clear()
        elif isinstance(item, str):
            url = _absolute(item, base)
            version = core_version_of(url)
            if version is not None:
                flat.core = version
            else:
                document = _document(url, documents, path, flat)
                _flatten(context_of(document, url), documents, url, (*path, url), flat)
        else:
            imported = item.get("@import")
            if imported is not None:
                url = _absolute(imported, base)
                item = _imported(context_of(_document(url, documents, path, flat), url), url) | item
            flat.terms += len(item)
            if flat.terms > MAX_TERMS:
                raise _bad(f"the @context has more than {MAX_TERMS} terms")
            flat.objects.append(dict(_cleaned(item)))
            if len(flat.objects) > MAX_OBJECTS:
                raise _bad(f"the @context has more than {MAX_OBJECTS} parts")


def _items(value: object) -> list[str | dict[str, Any] | None]:
    given: list[object] = value if isinstance(value, list) else [value]
    if len(given) > MAX_OBJECTS:
        raise _bad(f"the @context has more than {MAX_OBJECTS} parts")
    items: list[str | dict[str, Any] | None] = []
    for item in given:
        if not (item is None or isinstance(item, str | dict)):
            raise _bad("an @context is a URL, an object, or an array of them", item)
        items.append(item)
    return items


def _absolute(reference: object, base: str | None) -> str:
    if not isinstance(reference, str) or len(reference) > MAX_NAME:
        raise _bad(f"a reference in an @context is a URL of at most {MAX_NAME} characters", reference)
    try:
        url = urljoin(base, reference) if base else reference
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise _bad("a reference in an @context must be an http or https URL", reference)
    return url.partition("#")[0]


def _document(url: str, documents: Mapping[str, Any], path: tuple[str, ...], flat: _Flat) -> object:
    if url in path:
        raise _bad("the @context refers to itself", url)
    flat.documents += 1
    if flat.documents > MAX_DOCUMENTS:
        raise _bad(f"the @context needs more than {MAX_DOCUMENTS} documents", url)
    if url not in documents:
        raise ContextNotAvailable("the @context was not fetched", field="@context", value=url, clause=_CLAUSE)
    return documents[url]


def _imported(value: object, url: str) -> dict[str, Any]:
    if not isinstance(value, dict) or "@import" in value:
        raise _bad("what @import names must be one context object without an @import of its own", url)
    return value


def _cleaned(context: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for term, definition in context.items():
        if term in _IGNORED or (term.startswith("@") and term not in ("@vocab", "@version")):
            continue
        if len(term) > MAX_NAME:
            raise _bad(f"a term is longer than {MAX_NAME} characters", term)
        iri = definition
        if isinstance(definition, dict):
            if "@context" in definition:
                raise _bad("scoped contexts are not allowed in a user @context", term, clause="5.5.7")
            definition = {key: part for key, part in definition.items() if key != "@protected"}
            iri = definition.get("@id")
        if isinstance(iri, str):
            if len(iri) > MAX_NAME:
                raise _bad(f"an IRI is longer than {MAX_NAME} characters", iri)
            # an alias of a keyword has no meaning in NGSI-LD other than id and type, which the core defines
            if iri.startswith("@") and term != "@vocab":
                continue
        yield term, definition


@cache
def _core_active(version: str) -> Any:
    document = {k: v for k, v in core_document(version)["@context"].items() if k != "@protected"}
    return _process({"mappings": {}, "processingMode": "json-ld-1.1"}, [document])


def _define(objects: list[dict[str, Any]], version: str) -> dict[str, Any]:
    try:
        mappings: dict[str, Any] = _process(_core_active(version), objects)["mappings"]
    except JsonLdError as e:
        details = e.details if isinstance(e.details, dict) else {}
        at = details.get("term") or details.get("iri")
        raise _bad(f"not a JSON-LD 1.1 context: {e.args[0]}", at) from None
    except Exception as e:
        # PyLD meets hostile input with whatever happens to go wrong in it (KeyError, TypeError, RecursionError …)
        raise _bad(f"not a JSON-LD 1.1 context ({type(e).__name__})") from None
    return mappings


def _process(active: Any, objects: list[dict[str, Any]]) -> Any:
    options = {**_OPTIONS, "contextResolver": ContextResolver({}, _no_document)}
    return JsonLdProcessor().process_context(active, objects, options)


def _no_document(url: str, options: object) -> Any:
    raise ContextNotAvailable("the @context was not fetched", field="@context", value=url, clause=_CLAUSE)


def _terms(mappings: Mapping[str, Any]) -> Iterator[tuple[str, Term]]:
    for term, mapping in mappings.items():
        iri = mapping and mapping["@id"]
        # null and reverse terms name no attribute; the default vocabulary takes those names
        if not iri or mapping["reverse"] or iri.startswith(("@", "_:")):
            continue
        if len(iri) > 2 * MAX_NAME:
            raise _bad("an IRI is too long", term)
        containers = [c for c in mapping.get("@container") or () if c != "@set"] or mapping.get("@container")
        yield term, Term(iri, mapping.get("@type"), containers[0] if containers else None, mapping["_prefix"])


def _bad(detail: str, value: object = None, clause: str = _CLAUSE) -> BadRequestData:
    # only a string is shown: the repr of something that nests deep enough would fail itself
    return BadRequestData(detail, field="@context", value=value if isinstance(value, str) else None, clause=clause)
