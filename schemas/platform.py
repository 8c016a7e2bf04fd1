"""Areas' platforms as the gateway knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class PlatformState(StrEnum):
    ACTIVE = "active"
    UNVERIFIED = "unverified"
    """Kept by --force, or registered unprobed: asked, but nothing that it claims is believed."""
    CERTIFIED = "certified"
    """The contract suite was run against it and passed."""


class Mode(StrEnum):
    """Registration modes, clause 4.3.6.3."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"
    REDIRECT = "redirect"
    AUXILIARY = "auxiliary"


@dataclass(frozen=True, slots=True)
class EntityPattern:
    """EntityInfo of a registration (clause 5.2.8). `type` is an IRI; None takes any type."""

    type: str | None = None
    id: str | None = None
    id_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Information:
    """RegistrationInfo (clause 5.2.10): these attributes of these entities. Empty means any. Names are IRIs."""

    entities: tuple[EntityPattern, ...] = ()
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a platform can hold. Empty means anything. Names are expanded IRIs."""

    entities: tuple[EntityPattern, ...] = ()
    attributes: frozenset[str] = frozenset()
    """If set, the platform holds only these attributes of its entities: it is not a whole-entity source."""
    geometry: dict[str, Any] | None = None
    """GeoJSON geometry of the area, WGS 84."""
    registration: dict[str, Any] | None = None
    """The registration as an NGSI-LD client posted it (names expanded), where one did."""
    information: tuple[Information, ...] = ()
    """Which attributes go with which entities, where a registration says it; else all go with all."""

    @property
    def informations(self) -> tuple[Information, ...]:
        """`information`, or the one that entities and attributes make."""
        return self.information or (Information(self.entities, self.attributes),)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is sent on to a platform, and how (clauses 4.3.6, 4.20, 5.2.9, 5.2.34)."""

    operations: tuple[str, ...] = ()
    """Names of operations and of groups (clause 4.20); empty: `federationOps`."""
    alias: str | None = None
    """contextSourceAlias: a request that has passed it goes no further that way."""
    local_only: bool = False
    """The platform is to answer from what it holds itself."""
    cooldown_ms: int | None = None
    """How long it is left alone after failures."""
    cache_ms: int | None = None
    """How long its answers may be used again."""
    expires_at: str | None = None
    info: tuple[tuple[str, str], ...] = ()
    """contextSourceInfo: what is conveyed, by name; secrets lie in the credential instead."""
    datasets: frozenset[str] = frozenset()
    """The datasetIds that it can give; `@none` stands for the default instance. Empty: any."""
    temporal: bool = False
    """It is registered for temporal evolutions only (it has an observationInterval or a managementInterval)."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found; kept with the platform, shown to its owner, believed by `plan`."""

    ok: bool
    dialect: str = ""
    """In words: "Orion 3.10 (NGSIv2)", "NGSI-LD (Stellio)"."""
    types: tuple[str, ...] = ()
    """Entity types as IRIs."""
    page_limit: int | None = None
    clock_offset: float | None = None
    """Seconds that the platform's clock is ahead of ours."""
    verified: frozenset[str] = frozenset()
    """Filters that it was seen to apply: "type", "id", "q", "geo", "attrs", "count", "limit", "order"."""
    sample: int = 0
    """Entities read while probing."""
    findings: tuple[str, ...] = ()
    """Sentences for the owner."""
    problem: str = ""
    """Why not, if not ok."""
    field: str = ""
    """Which field of the registration is at fault: endpoint, credential, adapter, tenant, options.…"""
    probed_at: str = ""
    alias: str = ""
    """Its contextSourceAlias (clause 5.2.40), where it tells one: by it loops are avoided."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One registered source, without its credential: that lies encrypted in the store."""

    id: str
    """URI, `urn:ngsi-ld:ContextSourceRegistration:…` where none was given."""
    adapter: str
    endpoint: str
    area: str | None = None
    organisation: str | None = None
    name: str = ""
    registry_tenant: str = ""
    """Tenant of this gateway under which it is registered (NGSILD-Tenant)."""
    tenant: str | None = None
    """NGSILD-Tenant or Fiware-Service at the source."""
    service_path: str | None = None
    context: str | None = None
    """URL of the @context in which a platform that knows none has its names; the core context if unset."""
    options: dict[str, Any] = field(default_factory=dict)
    """The adapter's own, validated by its manifest's schema."""
    coverage: Coverage = Coverage()
    distribution: Distribution = Distribution()
    mode: Mode = Mode.INCLUSIVE
    timeout_ms: int = 3000
    max_concurrency: int = 32
    state: PlatformState = PlatformState.UNVERIFIED
    probe: ProbeResult | None = None
    open_data: bool | tuple[str, ...] = False
    """Open to all who may ask: everything (True), these types (IRIs), or nothing without an agreement."""
    has_credential: bool = False
    created_at: str = ""
    modified_at: str = ""
    version: int = 0

    @property
    def whole(self) -> bool:
        """It holds whole entities, so a filter on any attribute may be left to it."""
        return not self.coverage.attributes

    @property
    def proxied(self) -> bool:
        """What it is registered for is held there alone (clause 4.3.6.3)."""
        return self.mode in (Mode.EXCLUSIVE, Mode.REDIRECT)
