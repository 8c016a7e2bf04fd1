"""All routes of the catalogue."""

from __future__ import annotations

from fastapi import APIRouter

from broker.gateway.downloads import Downloads
from broker.gateway.gateway import Gateway
from broker.harvest.catalogue import Catalogue
from broker.harvest.rights import ByRights
from broker.settings import Settings
from broker.web.catalog import cadde, ckan, datasets, downloads, sources
from broker.web.catalog.desk import Desk
from broker.web.reading import Reader


def catalog_routes(catalogue: Catalogue, reader: Reader, gateway: Gateway, settings: Settings) -> list[APIRouter]:
    """In the order in which they are tried."""
    rights = ByRights(gateway.agreements, gateway.registry)
    desk = Desk(
        catalogue,
        reader,
        gateway,
        settings.public_url,
        settings.catalog_public,
        rights,
    )
    fetching = Downloads(
        catalogue,
        catalogue.upstream,
        gateway.settler,
        gateway.agreements,
        alias=gateway.alias,
        most=settings.catalog_max_download_bytes,
    )
    return [
        sources.routes(desk),
        downloads.routes(desk, fetching, rights),
        datasets.routes(desk),
        ckan.routes(desk),
        cadde.routes(desk),
    ]
