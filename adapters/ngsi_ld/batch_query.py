"""A query as `POST /entityOperations/query` (clause 6.23), for platforms that offer no other way. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote

import orjson

_IN_URI = ("limit", "offset", "count", "options", "local")
_GEO = ("georel", "geometry", "coordinates", "geoproperty")


def as_batch(url: str) -> tuple[str, bytes]:
    """URL and body that ask what a GET of this URL of `/entities` would."""
    path, _, query = url.partition("?")
    params = dict(parse_qsl(query, keep_blank_values=True))
    body: dict[str, Any] = {"type": "Query"}
    selector: dict[str, Any] = {name: params[name] for name in ("type", "idPattern") if name in params}
    selectors = [{**selector, "id": one} for one in params["id"].split(",")] if "id" in params else [selector]
    if any(selectors):
        body["entities"] = selectors
    if "attrs" in params:
        body["attrs"] = params["attrs"].split(",")
    if "q" in params:
        body["q"] = params["q"]
    if "georel" in params:
        body["geoQ"] = {name: params[name] for name in _GEO if name in params}
        body["geoQ"]["coordinates"] = orjson.loads(params["coordinates"])
    kept = "&".join(f"{name}={quote(params[name], safe=',')}" for name in _IN_URI if name in params)
    return f"{path.removesuffix('/entities')}/entityOperations/query" + (f"?{kept}" if kept else ""), orjson.dumps(body)
