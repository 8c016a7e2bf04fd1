from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from adapters.catalogued import module
from adapters.contract import Services
from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream
from broker.harvest.harvester import Harvester
from broker.identity.secrets import SecretBox
from broker.store.catalog_sources import CatalogSources
from broker.store.database import Database
from schemas.errors import ContextNotAvailable
from schemas.ngsi_ld.context import Context


async def _no_context(url: str) -> Context:
    raise ContextNotAvailable(url)


@pytest.fixture
def box() -> SecretBox:
    return SecretBox(bytes(32))


@pytest.fixture
async def harvesters(database: Database, box: SecretBox) -> AsyncIterator[Callable[[], Harvester]]:
    """Each is a process of its own, as far as leases go; pauses take no time."""
    upstream = Upstream(Guard(LOOPBACK))
    yield lambda: Harvester(database, box, Services(upstream, _no_context), module, pace=0)
    await upstream.close()


@pytest.fixture
def harvester(harvesters: Callable[[], Harvester]) -> Harvester:
    return harvesters()


@pytest.fixture
def sources(database: Database) -> CatalogSources:
    return CatalogSources(database)
