"""What the composition root lends to the web."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from broker.contexts.loader import ContextLoader
from broker.contexts.shelf import Shelf
from broker.gateway.evidence import EvidenceDesk
from broker.gateway.gateway import Gateway
from broker.gateway.notifying import Notifying
from broker.harvest.catalogue import Catalogue
from broker.identity.agreements.desk import Desk
from broker.identity.callers import Callers
from broker.identity.secrets import SecretBox
from broker.kpi.programme import Programme
from broker.kpi.push import Pusher
from broker.registry.counting import Counting
from broker.registry.enrolment import Enrolment
from broker.registry.registry import Registry
from broker.registry.tenants import Tenants
from broker.settings import Settings
from broker.store.database import Database
from broker.store.entities import Entities
from broker.web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root lends to the web."""

    gateway: Gateway
    enrolment: Enrolment
    counting: Counting
    registry: Registry
    callers: Callers
    contexts: ContextLoader
    shelf: Shelf
    tenants: Tenants
    desk: Desk
    entities: Entities
    notifying: Notifying
    box: SecretBox
    database: Database
    metrics: Metrics
    settings: Settings
    programme: Programme
    evidence: EvidenceDesk
    pusher: Pusher
    wrote: Callable[[str, frozenset[str]], Awaitable[None]]
    missing: Callable[[], Awaitable[list[str]]]
    catalogue: Catalogue
