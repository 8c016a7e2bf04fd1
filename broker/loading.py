"""What a worker keeps in memory, loaded from the store: platforms, services, tenants, the local types, @contexts."""

from __future__ import annotations

import asyncio

from broker.contexts.loader import ContextLoader
from broker.identity.agreements.in_force import InForce
from broker.identity.callers import Callers, Known
from broker.identity.secrets import SecretBox
from broker.identity.subjects import Subjects
from broker.notify.index import SubscriptionIndex
from broker.registry.registry import Registry
from broker.registry.tenants import Tenants
from broker.store import agreements as agreement_store
from broker.store import contexts as context_store
from broker.store import platforms as platform_store
from broker.store import services as service_store
from broker.store import subscriptions as subscription_store
from broker.store import tenants as tenant_store
from broker.store.agreements import Agreements
from broker.store.entities import FEED as LOCAL_TYPES
from broker.store.entities import Entities
from broker.store.platforms import Platforms
from broker.store.services import Services

FEEDS = (
    platform_store.FEED,
    service_store.FEED,
    LOCAL_TYPES,
    tenant_store.FEED,
    context_store.FEED,
    agreement_store.FEED,
    subscription_store.FEED,
)


class Loading:
    """Takes over what the change feed tells of. One load of a kind at a time: what was read first must not replace
    what was read last."""

    def __init__(
        self,
        *,
        platforms: Platforms,
        services: Services,
        entities: Entities,
        box: SecretBox,
        registry: Registry,
        callers: Callers,
        contexts: ContextLoader,
        tenants: Tenants,
        agreements: Agreements,
        in_force: InForce,
        subscriptions: SubscriptionIndex,
        subjects: Subjects | None = None,
    ) -> None:
        self._platforms = platforms
        self._services = services
        self._entities = entities
        self._box = box
        self._registry = registry
        self._callers = callers
        self._contexts = contexts
        self._tenants = tenants
        self._agreements = agreements
        self._in_force = in_force
        self._subscriptions = subscriptions
        self._subjects = subjects
        self._lock = asyncio.Lock()

    async def changed(self, name: str, version: int) -> None:
        """Load what the change feed names."""
        if name == platform_store.FEED:
            await self.platforms()
        elif name == service_store.FEED:
            await self.services()
        elif name == LOCAL_TYPES:
            await self.local_types()
        elif name == tenant_store.FEED:
            await self._tenants.load()
        elif name == context_store.FEED:
            await self._contexts.refresh()
        elif name == agreement_store.FEED:
            await self.agreements()
        elif name == subscription_store.FEED:
            await self._subscriptions.load()

    async def platforms(self) -> None:
        async with self._lock:
            sealed = await self._platforms.credentials()
            opened = {i: self._box.open(text, i) for i, text in sealed.items()}
            await self._registry.replace(await self._platforms.all(), opened)

    async def agreements(self) -> None:
        async with self._lock:
            self._in_force.replace(await self._agreements.all())

    async def services(self) -> None:
        async with self._lock:
            known = await self._services.by_key_hash()
            self._callers.replace(
                {
                    digest: Known(
                        key.service.consumer,
                        key.service.roles,
                        None if key.expires_at is None else key.expires_at.timestamp(),
                    )
                    for digest, key in known.items()
                    if not key.service.disabled
                }
            )
            if self._subjects is not None:
                self._subjects.replace({service.id: service for service in await self._services.all()})
            self._subscriptions.silenced = frozenset(k.service.id for k in known.values() if k.service.disabled)

    async def local_types(self) -> None:
        async with self._lock:
            await self._registry.replace_local(await self._entities.types_present())

    async def wrote(self, tenant: str, types: frozenset[str]) -> None:
        """After a write to the local store: this worker sees its own writes at once, the others by the feed."""
        if not self._registry.holds_locally(tenant, types):
            await self.local_types()
