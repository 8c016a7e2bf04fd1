"""DCAT in RDF: JSON-LD, Turtle and RDF/XML, one document or hydra pages of it, read by rdflib."""

from __future__ import annotations

from adapters.catalogued import Catalogued, CatalogueManifest, catalogue_options
from adapters.cataloguing.options import schema
from adapters.contract import Services
from adapters.dcat.catalogue import DcatCatalogue
from schemas.catalogue import CatalogueSource

catalogue = CatalogueManifest(
    kind="dcat",
    title="DCAT (JSON-LD, Turtle, RDF/XML)",
    title_ja="DCAT（JSON-LD・Turtle・RDF/XML）",
    standard="W3C DCAT 3",
    options_schema=schema(
        format={
            "type": "string",
            "enum": ["auto", "json-ld", "turtle", "xml", "nt"],
            "default": "auto",
            "description": "Syntax, if detection is wrong / 構文（自動判定が誤る場合）",
        },
        max_triples={
            "type": "integer",
            "minimum": 1000,
            "maximum": 5_000_000,
            "default": 1_000_000,
            "description": "Most triples of a page / 1ページの最大トリプル数",
        },
    ),
)


async def open_catalogue(source: CatalogueSource, services: Services) -> Catalogued:
    """BadRequestData names the option at fault."""
    return DcatCatalogue(source, services, catalogue_options(catalogue, source.options))
