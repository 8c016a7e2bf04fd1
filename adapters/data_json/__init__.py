"""`data.json`: the DCAT-US list of datasets (Project Open Data 1.1), one JSON document."""

from __future__ import annotations

from functools import partial
from typing import Any

from adapters.catalogued import Catalogued, CatalogueManifest, Entry, Fault, catalogue_options
from adapters.cataloguing.document import DocumentCatalogue, digest, parse_json
from adapters.cataloguing.options import schema
from adapters.contract import Services
from adapters.data_json.translate import identifier_of, translate
from schemas.catalogue import CatalogueSource
from schemas.errors import BadUpstream

catalogue = CatalogueManifest(
    kind="data_json",
    title="data.json",
    title_ja="data.json（DCAT-US）",
    standard="Project Open Data Metadata Schema 1.1",
    options_schema=schema(
        records={
            "type": "string",
            "maxLength": 200,
            "default": "dataset",
            "description": "Dotted path of the list / データセット配列の位置",
        },
    ),
)


async def open_catalogue(source: CatalogueSource, services: Services) -> Catalogued:
    """BadRequestData names the option at fault."""
    options = catalogue_options(catalogue, source.options)

    def read(body: bytes, media: str) -> tuple[list[Entry], list[Fault]]:
        return entries(parse_json(body, "data.json"), source, options)

    return DocumentCatalogue(source, services, options, "application/json", read, "data.json")


def entries(document: Any, source: CatalogueSource, options: dict[str, Any]) -> tuple[list[Entry], list[Fault]]:
    """Of a document; BadUpstream if it has no list of datasets."""
    from schemas.loose import at_path

    records = document if isinstance(document, list) else at_path(document, options["records"])
    if not isinstance(records, list):
        raise BadUpstream("there is no list of datasets at the path", field="options.records")
    found: list[Entry] = []
    faults: list[Fault] = []
    for place, record in enumerate(records):
        name = identifier_of(record) if isinstance(record, dict) else ""
        if not name:
            faults.append(Fault(f"#{place}", "it is no object with an identifier or title"))
            continue
        found.append(Entry(name, digest(record), partial(translate, record, source, options.get("mapping", {}))))
    return found, faults
