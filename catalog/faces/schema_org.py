"""A dataset as schema.org/Dataset in JSON-LD, as search engines for datasets read it."""

from __future__ import annotations

from typing import Any

from catalog.faces.plain import absolute, address, file_address
from schemas.dataset import Access, Agent, Dataset

_LONGEST = 5000
"""Characters of a description that are taken; 50 at least are asked for."""


def schema_org(dataset: Dataset, base: str) -> dict[str, Any]:
    """A JSON-LD document with schema.org as its vocabulary."""
    made: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "@id": address(dataset, base),
        "name": dataset.title,
        "description": (dataset.description or dataset.title)[:_LONGEST],
        "url": dataset.landing_page or address(dataset, base),
        "identifier": dataset.identifier,
        "keywords": list(dataset.keywords),
        "license": dataset.licence.url or dataset.licence.title,
        "isAccessibleForFree": True if dataset.access is Access.OPEN else None,
        "creator": _agent(dataset.creator) or _agent(dataset.publisher),
        "publisher": _agent(dataset.publisher),
        "datePublished": dataset.issued,
        "dateModified": dataset.modified,
        "inLanguage": list(dataset.language),
        "version": dataset.version,
        "temporalCoverage": f"{dataset.start or '..'}/{dataset.end or '..'}" if dataset.start or dataset.end else "",
        "spatialCoverage": _place(dataset),
        "variableMeasured": [a.name for a in dataset.live.attributes] if dataset.live else [],
        "includedInDataCatalog": {"@type": "DataCatalog", "name": "架け橋 データカタログ", "url": f"{base}/catalog"},
        "distribution": [
            {
                "@type": "DataDownload",
                "name": d.title or d.format,
                "encodingFormat": d.media_type or d.format,
                "contentUrl": file_address(dataset, n, base) if d.download_url else absolute(d.access_url, base),
            }
            for n, d in enumerate(dataset.distributions)
            if d.url
        ],
    }
    return {name: value for name, value in made.items() if value not in (None, "", [], {})}


def _agent(agent: Agent) -> dict[str, Any] | None:
    if not agent.name:
        return None
    return {"@type": "Organization", "name": agent.name, **({"url": agent.url} if agent.url else {})}


def _place(dataset: Dataset) -> dict[str, Any] | None:
    if not dataset.spatial and dataset.bbox is None:
        return None
    made: dict[str, Any] = {"@type": "Place", **({"name": dataset.spatial} if dataset.spatial else {})}
    if dataset.bbox is not None:
        west, south, east, north = dataset.bbox
        made["geo"] = {"@type": "GeoShape", "box": f"{south} {west} {north} {east}"}
    return made
