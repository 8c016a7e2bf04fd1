"""From a dataset to a platform: what `kakehashi platform add --from DATASET` registers. Pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

from catalog.search.synonyms import type_named
from schemas.dataset import Access, Dataset, Distribution
from schemas.errors import BadRequestData

_FILES = ("GEOJSON", "CSV", "JSON")
_API = re.compile(r"/api/[A-Za-z0-9_-]+/json/?")
_DATASTORE_ROWS = 32_000
"""As many as CKAN's DataStore gives at once."""
_API_ROWS = 10_000
_BASE = re.compile(r"[^A-Za-z0-9._-]+")


def registration(dataset: Dataset, endpoint: str) -> dict[str, Any]:
    """A document as `POST /platforms` takes it. `endpoint` is that of the catalogue that the dataset is from.

    東京都オープンデータAPI goes before CKAN's DataStore, that before files. BadRequestData if there is none.
    """
    for choose in (_tokyo_api, _datastore, _file):
        for one in dataset.distributions:
            found = choose(one, endpoint)
            if found is not None:
                return _document(dataset, *found)
    raise BadRequestData(
        "it has neither a file of GeoJSON, CSV or JSON nor an API that can be registered; its formats: "
        + (", ".join(dataset.formats) or "none"),
        field="--from",
        value=dataset.identifier,
    )


Found = tuple[str, dict[str, Any]]


def _tokyo_api(one: Distribution, endpoint: str) -> Found | None:
    """`POST …/api/{id}/json?limit=N` with an empty object, answered by `hits`."""
    parts = urlsplit(one.url)
    if not _API.fullmatch(parts.path) or not (parts.hostname or "").endswith("api.metro.tokyo.lg.jp"):
        return None
    address = f"{parts.scheme}://{parts.netloc}{parts.path}?limit={_API_ROWS}"
    return address, {"format": "json", "records": "hits", "body": {}}


def _datastore(one: Distribution, endpoint: str) -> Found | None:
    if one.service != "ckan-datastore" or not endpoint:
        return None
    query = f"resource_id={quote(one.id, safe='')}&limit={_DATASTORE_ROWS}"
    address = f"{endpoint.rstrip('/')}/api/3/action/datastore_search?{query}"
    return address, {"format": "json", "records": "result.records"}


def _file(one: Distribution, endpoint: str) -> Found | None:
    if one.format not in _FILES or not one.download_url.startswith(("http://", "https://")):
        return None
    return one.download_url, {"format": one.format.lower()}


def _document(dataset: Dataset, endpoint: str, options: dict[str, Any]) -> dict[str, Any]:
    kind = dataset.types[0] if dataset.types else type_named(f"{dataset.title} {' '.join(dataset.keywords)}")
    name = _BASE.sub("-", dataset.name or dataset.id).strip("-") or dataset.id
    made: dict[str, Any] = {
        "id": name,
        "name": dataset.title[:200],
        "adapter": "geojson",
        "endpoint": endpoint,
        "options": options | ({"type": kind} if kind else {}),
        "open_data": dataset.access is Access.OPEN,
    }
    if dataset.areas:
        made["area"] = dataset.areas[0]
    if dataset.publisher.name:
        made["organisation"] = dataset.publisher.name[:200]
    if kind:
        made["coverage"] = {"types": [kind]}
    return made
