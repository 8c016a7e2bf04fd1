"""Everything that a process of the gateway holds, and how it lets go of it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from adapters.upstream import Upstream
from broker.background import Periodic
from broker.contexts.loader import ContextLoader
from broker.contexts.shelf import Shelf
from broker.embedded.server import PrivatePostgres
from broker.gateway.evidence import EvidenceDesk
from broker.gateway.gateway import Gateway
from broker.gateway.notifying import Notifying
from broker.harvest.catalogue import Catalogue
from broker.identity.agreements.desk import Desk
from broker.identity.agreements.in_force import InForce
from broker.identity.callers import Callers
from broker.identity.provider import Provider as OpenIdProvider
from broker.identity.secrets import SecretBox
from broker.kpi.courier import Courier
from broker.kpi.programme import Programme
from broker.loading import Loading
from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.registry.counting import Counting
from broker.registry.enrolment import Enrolment
from broker.registry.looking import Looking
from broker.registry.registry import Registry
from broker.registry.tenants import Tenants
from broker.settings import Settings
from broker.store.agreements import Agreements
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.feed import Feed
from broker.store.platforms import Platforms
from broker.store.services import Services as ServiceStore
from broker.web.metrics import Metrics
from schemas.errors import StoreUnavailable


@dataclass(slots=True)
class House:
    """Everything that a process of the gateway holds; opened by `open_house`, closed by `close`."""

    settings: Settings
    database: Database
    registry: Registry
    enrolment: Enrolment
    looking: Looking
    counting: Counting
    callers: Callers
    contexts: ContextLoader
    shelf: Shelf
    tenants: Tenants
    platforms: Platforms
    services: ServiceStore
    agreements: Agreements
    in_force: InForce
    issuer: OpenIdProvider
    desk: Desk
    entities: Entities
    settler: Settler
    gateway: Gateway
    metrics: Metrics
    box: SecretBox
    upstream: Upstream
    loading: Loading
    feed: Feed
    sequencer: Sequencer
    programme: Programme
    evidence: EvidenceDesk
    courier: Courier
    notifying: Notifying
    catalogue: Catalogue
    postgres: PrivatePostgres | None
    periodics: tuple[Periodic, ...] = ()

    async def missing(self) -> list[str]:
        """What keeps this worker from answering; empty if nothing does."""
        return [] if self.settler.available else ["database"]

    async def close(self) -> None:
        """Settle what waits, then let go of everything, last what others stand on."""
        for periodic in self.periodics:
            await periodic.stop()
        await self.notifying.stop()
        await self.feed.stop()
        await self.enrolment.close()
        with contextlib.suppress(StoreUnavailable):
            await self.counting.write()
        await self.settler.drain()
        await self.in_force.quotas.close()
        await self.sequencer.stop()
        await self.registry.close()
        await self.issuer.close()
        await self.contexts.close()
        await self.upstream.close()
        await self.database.close()
        if self.postgres is not None:
            await asyncio.to_thread(self.postgres.release)
