"""A platform as the federation uses it: record, adapter, credential, breaker, bulkhead."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.contract import Adapter
from adapters.exchange import Access
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from schemas.flow import Provider
from schemas.ngsi_ld.geo import Bounds
from schemas.platform import Platform


@dataclass(slots=True)
class Source:
    """Lives as long as its registration's version. `access` holds the credential and is never shown."""

    platform: Platform
    adapter: Adapter
    provider: Provider
    access: Access = field(repr=False)
    breaker: Breaker
    bulkhead: Bulkhead
    bounds: Bounds | None = None
    """West, south, east, north of the area that the registration covers."""
    network: bool = True
    """False for the local store: no breaker, no Via, no time-out of its own."""
    asked: int = 0
    failed: int = 0
    last_ms: float = 0.0

    @property
    def id(self) -> str:
        return self.platform.id
