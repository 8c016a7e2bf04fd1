"""CKAN's Action API as a catalogue: package_search and package_show. Portals, e-Gov, and whatever speaks like them."""

from __future__ import annotations

from adapters.catalogued import Catalogued, CatalogueManifest, catalogue_options
from adapters.cataloguing.options import schema
from adapters.ckan.catalogue import CkanCatalogue
from adapters.contract import Services
from schemas.catalogue import CatalogueSource

catalogue = CatalogueManifest(
    kind="ckan",
    title="CKAN Action API",
    title_ja="CKAN Action API（オープンデータカタログ）",
    standard="CKAN 2.9–2.11",
    options_schema=schema(
        page_size={
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "default": 500,
            "description": "Datasets asked for at once / 1回に取得する件数",
        },
        path={
            "type": "string",
            "maxLength": 200,
            "default": "/api/3/action",
            "description": "Path of the Action API / Action APIのパス",
        },
        filter={
            "type": "string",
            "maxLength": 1000,
            "description": "Solr filter (fq) that all must fit / 絞り込み条件（fq）",
        },
    ),
    searchable=True,
)


async def open_catalogue(source: CatalogueSource, services: Services) -> Catalogued:
    """BadRequestData names the option at fault."""
    return CkanCatalogue(source, services, catalogue_options(catalogue, source.options))
