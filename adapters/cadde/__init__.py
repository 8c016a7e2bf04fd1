"""CADDE 4.0's catalogue search (`/cadde/api/v4/catalog`), in the shape of CKAN's package_search."""

from __future__ import annotations

from adapters.catalogued import Catalogued, CatalogueManifest, catalogue_options
from adapters.cataloguing.options import schema
from adapters.ckan.catalogue import CkanCatalogue
from adapters.contract import Services
from schemas.catalogue import CatalogueSource

catalogue = CatalogueManifest(
    kind="cadde",
    title="CADDE catalogue",
    title_ja="CADDE カタログ検索",
    standard="CADDE 4.0",
    options_schema=schema(
        page_size={
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "default": 200,
            "description": "Datasets asked for at once / 1回に取得する件数",
        },
        path={
            "type": "string",
            "maxLength": 200,
            "default": "/cadde/api/v4/catalog",
            "description": "Path of the catalogue / カタログのパス",
        },
        search={
            "type": "string",
            "enum": ["meta", "detail"],
            "default": "meta",
            "description": "x-cadde-search: all or one provider's / 横断検索か詳細検索",
        },
        provider={
            "type": "string",
            "maxLength": 200,
            "description": "x-cadde-provider, needed for detail / 提供者ID（詳細検索）",
        },
        filter={"type": "string", "maxLength": 1000, "description": "Solr filter (fq) / 絞り込み条件（fq）"},
    ),
    searchable=True,
)


async def open_catalogue(source: CatalogueSource, services: Services) -> Catalogued:
    """BadRequestData names the option at fault."""
    options = catalogue_options(catalogue, source.options)
    headers = {"x-cadde-search": options["search"]}
    if "provider" in options:
        headers["x-cadde-provider"] = options["provider"]
    place = f"{source.endpoint.rstrip('/')}{options['path']}"
    return CkanCatalogue(source, services, options, headers=headers, place=place)
