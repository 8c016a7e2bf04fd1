"""NGSI-LD brokers (Orion-LD, Scorpio, Stellio, Coraine, Antares, Kakehashi itself). No other dialect lives here."""

from __future__ import annotations

from adapters.contract import Adapter, Services
from adapters.manifest import load_manifest
from adapters.ngsi_ld.adapter import NgsiLdAdapter
from schemas.platform import Platform

manifest = load_manifest(__name__)


async def open(platform: Platform, services: Services) -> Adapter:
    """The adapter of one NGSI-LD platform."""
    return NgsiLdAdapter(platform, services, manifest.capabilities)
