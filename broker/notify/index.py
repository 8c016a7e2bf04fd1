"""All subscriptions of this worker in memory, found by tenant and type, kept current by the change feed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from broker.store.subscriptions import Key, Kind, StoredSubscription, SubscriptionStore, aad
from schemas.errors import KakehashiError
from schemas.flow import Consumer
from schemas.ngsi_ld.subscription import Subscription, parse

log = structlog.get_logger(__name__)


class Box(Protocol):
    """What is needed of `broker.identity.secrets.SecretBox`."""

    def open(self, sealed: bytes, aad: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Active:
    """A subscription and who is notified by it. `endpoint` may carry credentials and is never shown."""

    key: Key
    subscription: Subscription
    endpoint: Mapping[str, Any] = field(repr=False)
    consumer: Consumer
    context: Any
    base: str
    via: str | None
    """Through whom it came, if it is another gateway's copy."""


@dataclass(slots=True)
class _Watched:
    """A tenant's subscriptions to its entities."""

    by_type: dict[str, list[Active]]
    any: list[Active]


class SubscriptionIndex:
    """`of` and `watching` cost a look into a dict where nobody has subscribed."""

    def __init__(self, store: SubscriptionStore, box: Box) -> None:
        self._store = store
        self._box = box
        self._all: dict[Key, tuple[int, Active | None]] = {}
        self._entities: dict[str, _Watched] = {}
        self._registrations: dict[str, list[Active]] = {}
        self.silenced: frozenset[str] = frozenset()
        """Services that were disabled: they are notified no more."""
        self.generation = 0
        """Counts what has been taken over."""
        self._lock = asyncio.Lock()

    def get(self, key: Key) -> Active | None:
        found = self._all.get(key)
        return None if found is None else found[1]

    def entity_subscriptions(self) -> list[Active]:
        """All to entities, paused ones too."""
        return [one for _, one in self._all.values() if one is not None and one.key.kind is Kind.ENTITIES]

    def __bool__(self) -> bool:
        return bool(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def of(self, tenant: str, types: Iterable[str]) -> list[Active]:
        """Subscriptions that may want an entity of these types, each once."""
        watched = self._entities.get(tenant)
        if watched is None:
            return []
        found = {one.key: one for name in types for one in watched.by_type.get(name, ())}
        return [*found.values(), *watched.any]

    def watching(self, tenant: str) -> bool:
        """Whether anybody wants to be told of changes of the tenant's entities."""
        return tenant in self._entities

    def registrations(self, tenant: str) -> list[Active]:
        """Subscriptions to the tenant's registrations."""
        return self._registrations.get(tenant, [])

    async def load(self) -> None:
        """Take over what has changed in the store."""
        async with self._lock:
            versions = await self._store.versions()
            stale = [key for key, version in versions.items() if self._all.get(key, (None,))[0] != version]
            loaded = {one.key: (one.version, self._active(one)) for one in await self._store.load(stale)}
            if loaded or len(versions) != len(self._all):
                kept = {key: found for key, found in self._all.items() if key in versions}
                self._all = kept | loaded
                self.generation += 1
                self._index()

    def _active(self, stored: StoredSubscription) -> Active | None:
        try:
            endpoint = self._box.open(stored.sealed, aad(stored.key))
            notification = {**stored.document["notification"], "endpoint": endpoint}
            document = {**stored.document, "notification": notification}
            subscription = parse(stored.key.tenant, document)
            consumer = Consumer(**stored.consumer)
            return Active(stored.key, subscription, endpoint, consumer, stored.context, stored.base, stored.via)
        except (KakehashiError, KeyError, TypeError, ValueError) as error:
            # stored by another version, or sealed under a key that is gone: the others must go on
            log.error("subscription_not_usable", subscription=stored.key.subscription, reason=type(error).__name__)
            return None

    def _index(self) -> None:
        entities: dict[str, _Watched] = {}
        registrations: dict[str, list[Active]] = {}
        for _, one in self._all.values():
            if one is None or not one.subscription.active:
                continue
            if one.key.kind is Kind.REGISTRATIONS:
                registrations.setdefault(one.key.tenant, []).append(one)
            elif one.subscription.interval is None:
                watched = entities.setdefault(one.key.tenant, _Watched({}, []))
                types = one.subscription.types
                if types is None:
                    watched.any.append(one)
                for name in types or ():
                    watched.by_type.setdefault(name, []).append(one)
        self._entities, self._registrations = entities, registrations
