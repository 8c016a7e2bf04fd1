"""Files of open data (GeoJSON, CSV, JSON) as a platform, by http(s) or below a data folder; no other dialect."""

from __future__ import annotations

import orjson

from adapters.contract import Adapter, Services
from adapters.geojson.adapter import GeoJsonAdapter
from adapters.geojson.mapping import parse_mapping
from adapters.geojson.origin import FileOrigin, HttpOrigin, Origin
from adapters.manifest import load_manifest, validate_options
from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE, core_of
from schemas.platform import Platform

manifest = load_manifest(__name__)


async def open(platform: Platform, services: Services) -> Adapter:
    """The adapter of one file. BadRequestData names the endpoint or the option at fault; ContextNotAvailable."""
    options = validate_options(manifest, platform.options)
    context = CORE
    if platform.context is not None:
        context = core_of(platform.context) or await services.context_of(platform.context)
    covered = {pattern.type for pattern in platform.coverage.entities if pattern.type is not None}
    rules = parse_mapping(options, context.compact(covered.pop()) if len(covered) == 1 else None)
    scheme = platform.endpoint.partition(":")[0].lower()
    origin: Origin
    if scheme in ("http", "https"):
        body = orjson.dumps(options["body"]) if "body" in options else None
        origin = HttpOrigin(services.upstream, platform.endpoint, options["max_bytes"], body)
    elif scheme == "file":
        origin = FileOrigin(platform.endpoint, services.data_dirs, options["max_bytes"])
    else:
        raise BadRequestData(
            "the address of a file begins with https:, http: or file:", field="endpoint", value=platform.endpoint
        )
    return GeoJsonAdapter(origin, rules, options, context, manifest.capabilities)
