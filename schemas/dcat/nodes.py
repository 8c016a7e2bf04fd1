"""Nodes of RDF: every one has an IRI, so that a page that is read twice gives the same triples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote

PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_IRI_SAFE = re.compile(r"[\x00-\x20<>\"{}|\\^`]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Text:
    """A literal: `kind` is a prefixed datatype (`xsd:date`), `language` a tag; neither for plain text."""

    value: str
    kind: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Iri:
    """A reference to something that is described elsewhere."""

    value: str


@dataclass(slots=True)
class Node:
    """`types` and properties are prefixed names; a property with an empty value is not added."""

    iri: str
    types: tuple[str, ...]
    properties: list[tuple[str, Value]] = field(default_factory=list)

    def add(self, name: str, *values: Value | None) -> Node:
        """Add values of a property; None and empty ones are left out."""
        for value in values:
            if value is None or (isinstance(value, Text | Iri) and not value.value):
                continue
            self.properties.append((name, value))
        return self


Value = Text | Iri | Node


def expand(name: str) -> str:
    """The IRI of a prefixed name."""
    prefix, _, local = name.partition(":")
    return PREFIXES[prefix] + local


def iri(text: str) -> str:
    """An address as an IRI of RDF may be written: what it must not have is percent-encoded."""
    return _IRI_SAFE.sub(lambda found: quote(found.group()), text)


def ja(text: str) -> Text:
    """Japanese text."""
    return Text(text, language="ja")


def moment(text: str) -> Text | None:
    """A date or a date and time, by its look; None for none."""
    if not text:
        return None
    return Text(text, "xsd:date" if _DATE.fullmatch(text) else "xsd:dateTime")
