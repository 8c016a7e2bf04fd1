"""RDF documents to graphs without reaching out: no remote @context, no XML entities, bounded. Slow: in a thread."""

from __future__ import annotations

import re
from typing import Any

import orjson
from rdflib import Graph

from adapters.cataloguing.document import parse_json
from schemas.errors import BadUpstream, SourceTooLarge

_SYNTAX = {
    "application/ld+json": "json-ld",
    "application/json": "json-ld",
    "text/turtle": "turtle",
    "application/x-turtle": "turtle",
    "application/rdf+xml": "xml",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/n-triples": "nt",
}
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_DEEPEST = 100
BUILT_IN: dict[str, Any] = {
    "https://schema.org": {"@vocab": "https://schema.org/"},
    "http://schema.org": {"@vocab": "http://schema.org/"},
}


class Bounded(Graph):
    """A graph that refuses to grow beyond `most` triples."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._added = 0

    def add(self, triple: Any) -> Bounded:
        self._added += 1
        if self._added > self._most:
            raise SourceTooLarge(f"it has more than {self._most} triples (options.max_triples)")
        super().add(triple)
        return self


def syntax_of(body: bytes, media: str, told: str = "auto") -> str:
    """What the media type says, unless the document plainly is something else."""
    if told != "auto":
        return told
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"["):
        return "json-ld"
    if start.lower().startswith((b"<!doctype html", b"<html")):
        raise BadUpstream("an HTML page came instead of RDF", field="endpoint")
    if start.startswith((b"<?xml", b"<rdf:RDF")):
        return "xml"
    return _SYNTAX.get(media.partition(";")[0].strip().lower(), "turtle")


def contexts_of(body: bytes) -> list[str]:
    """The addresses of the @contexts that a JSON-LD document refers to, other than the built-in ones."""
    found: dict[str, None] = {}
    for context in _contexts(parse_json(body, "JSON-LD"), 0):
        for one in context if isinstance(context, list) else [context]:
            if isinstance(one, str) and one.rstrip("/") not in BUILT_IN:
                found[one] = None
    return list(found)


def read_graph(body: bytes, syntax: str, base: str, most: int, contexts: dict[str, Any]) -> Graph:
    """BadUpstream says what is wrong; `contexts` are documents of remote @contexts by their address."""
    graph = Bounded(most)
    data: bytes = body
    if syntax == "json-ld":
        data = orjson.dumps(_inlined(parse_json(body, "JSON-LD"), contexts, 0))
    elif syntax == "xml" and _DOCTYPE.search(body):
        raise BadUpstream("the XML has a document type or entities, which are not taken")
    try:
        graph.parse(data=data, format=syntax, publicID=base)
    except SourceTooLarge:
        raise
    except Exception as e:
        # each parser raises what the parser below it raises: SAX, notation 3, JSON-LD and plain Python errors
        words = f"it can't be read as {syntax} ({type(e).__name__}: {str(e)[:200]})"
        raise BadUpstream(words, field="endpoint") from None
    # the JSON-LD parser adds to the store below
    if len(graph) > most:
        raise SourceTooLarge(f"it has more than {most} triples (options.max_triples)")
    return graph


def _contexts(node: Any, depth: int) -> list[Any]:
    if depth > _DEEPEST:
        raise BadUpstream("the JSON-LD is nested too deeply")
    if isinstance(node, dict):
        own = [node["@context"]] if "@context" in node else []
        return own + [c for k, v in node.items() if k != "@context" for c in _contexts(v, depth + 1)]
    if isinstance(node, list):
        return [c for item in node for c in _contexts(item, depth + 1)]
    return []


def _inlined(node: Any, contexts: dict[str, Any], depth: int) -> Any:
    """With every @context that is an address replaced by its document, so that the parser has nothing to fetch."""
    if depth > _DEEPEST:
        raise BadUpstream("the JSON-LD is nested too deeply")
    if isinstance(node, list):
        return [_inlined(item, contexts, depth + 1) for item in node]
    if not isinstance(node, dict):
        return node
    made = {k: _inlined(v, contexts, depth + 1) for k, v in node.items() if k != "@context"}
    if "@context" in node:
        given = node["@context"]
        parts = given if isinstance(given, list) else [given]
        made["@context"] = [_resolved(part, contexts) for part in parts]
    return made


def _resolved(part: Any, contexts: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        if "@import" in part or any(isinstance(v, dict) and isinstance(v.get("@context"), str) for v in part.values()):
            raise BadUpstream("its @context imports others, which is not taken")
        return part
    if part is None:
        return None
    found = BUILT_IN.get(str(part).rstrip("/"), contexts.get(str(part)))
    if not isinstance(found, dict):
        raise BadUpstream(f"its @context {str(part)[:200]} can't be had")
    return found
