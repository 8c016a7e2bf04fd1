"""NGSIv2 platforms: FIWARE Orion and its like. NGSI-LD brokers, history (STH-Comet) and writes are not here."""

from __future__ import annotations

from adapters.contract import Adapter, Services
from adapters.manifest import load_manifest
from adapters.ngsi_v2.adapter import NgsiV2Adapter
from schemas.ngsi_ld.context import CORE
from schemas.platform import Platform

manifest = load_manifest(__name__)


async def open(platform: Platform, services: Services) -> Adapter:
    """The adapter of one NGSIv2 platform. ContextNotAvailable if `platform.context` can't be had; BadRequestData
    (`options.timezone`) for a time zone that does not exist."""
    source = CORE if platform.context is None else await services.context_of(platform.context)
    return NgsiV2Adapter(platform, services.upstream, manifest.capabilities, source)
