"""Which tenants exist, in memory: those that were written to, and those that platforms are registered in."""

from __future__ import annotations

from broker.registry.registry import Registry
from broker.store.tenants import TenantNames


class Tenants:
    """Loaded by the change feed; `knows` costs a look into a set."""

    def __init__(self, names: TenantNames, registry: Registry) -> None:
        self._store = names
        self._registry = registry
        self._names: frozenset[str] = frozenset()

    def knows(self, name: str) -> bool:
        """True for the default tenant "" too."""
        return not name or name in self._names or bool(self._registry.sources(name))

    async def load(self) -> None:
        """Take over what the store has; none is ever forgotten."""
        self._names |= await self._store.all()

    async def create(self, name: str) -> None:
        """After the first successful write to it. This worker knows it when it returns, the others by the feed."""
        await self._store.add(name)
        self._names |= {name}
