"""Nodes as Turtle, RDF/XML and JSON-LD. Each node is described once, however often it is referred to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

from schemas.dcat.nodes import PREFIXES, Iri, Node, Text, Value, expand, iri

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPECIAL = re.compile(r'[\\"\n\r\t]')
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CONTEXT: dict[str, Any] = {
    **{p: ns for p, ns in PREFIXES.items() if p != "rdf"},
}


def _all(roots: Iterable[Node]) -> Iterator[Node]:
    """Every node once, in the order in which it is met; what is said of it at several places is said together."""
    seen: dict[str, Node] = {}

    def walk(node: Node) -> None:
        known = seen.get(node.iri)
        if known is None:
            seen[node.iri] = known = Node(node.iri, node.types, [])
        known.types = tuple(dict.fromkeys((*known.types, *node.types)))
        for pair in node.properties:
            name, value = pair
            if isinstance(value, Node):
                walk(value)
                pair = (name, Iri(value.iri))
            if pair not in known.properties:
                known.properties.append(pair)

    for root in roots:
        walk(root)
    yield from seen.values()


def turtle(roots: Iterable[Node]) -> bytes:
    """UTF-8."""
    lines = [f"@prefix {prefix}: <{namespace}> ." for prefix, namespace in PREFIXES.items()]
    for node in _all(roots):
        lines.append("")
        parts = [f"a {', '.join(node.types)}"] if node.types else []
        parts += [f"{name} {_term(value)}" for name, value in node.properties]
        if parts:
            lines.append(f"<{iri(node.iri)}> " + " ;\n  ".join(parts) + " .")
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def _term(value: Value) -> str:
    if isinstance(value, Text):
        literal = '"' + _SPECIAL.sub(lambda found: _ESCAPES[found.group()], value.value) + '"'
        return literal + (f"@{value.language}" if value.language else f"^^{value.kind}" if value.kind else "")
    return f"<{iri(value.value if isinstance(value, Iri) else value.iri)}>"


def rdf_xml(roots: Iterable[Node]) -> bytes:
    """UTF-8."""
    spaces = " ".join(f'xmlns:{prefix}="{namespace}"' for prefix, namespace in PREFIXES.items())
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<rdf:RDF {spaces}>"]
    for node in _all(roots):
        lines.append(f"<rdf:Description rdf:about={quoteattr(iri(node.iri))}>")
        lines += [f"<rdf:type rdf:resource={quoteattr(expand(kind))}/>" for kind in node.types]
        for name, value in node.properties:
            if isinstance(value, Text):
                mark = f' xml:lang="{value.language}"' if value.language else ""
                mark += f" rdf:datatype={quoteattr(expand(value.kind))}" if value.kind else ""
                lines.append(f"<{name}{mark}>{escape(_NOT_XML.sub('', value.value))}</{name}>")
            else:
                where = value.value if isinstance(value, Iri) else value.iri
                lines.append(f"<{name} rdf:resource={quoteattr(iri(where))}/>")
        lines.append("</rdf:Description>")
    return "\n".join([*lines, "</rdf:RDF>", ""]).encode("utf-8", "replace")


def json_ld(roots: Iterable[Node]) -> bytes:
    """With its @context inline, so that nobody has to fetch one."""
    graph = []
    for node in _all(roots):
        made: dict[str, Any] = {"@id": iri(node.iri)}
        if node.types:
            made["@type"] = list(node.types)
        for name, value in node.properties:
            made.setdefault(name, []).append(_object(value))
        graph.append({k: v[0] if isinstance(v, list) and len(v) == 1 and k != "@type" else v for k, v in made.items()})
    return orjson.dumps({"@context": CONTEXT, "@graph": graph})


def _object(value: Value) -> Any:
    if isinstance(value, Text):
        text = value.value.encode("utf-8", "replace").decode()
        if value.language:
            return {"@value": text, "@language": value.language}
        return {"@value": text, "@type": value.kind} if value.kind else text
    return {"@id": iri(value.value if isinstance(value, Iri) else value.iri)}
