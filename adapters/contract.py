"""What an adapter is. An adapter's module (named by an entry point of group `kakehashi.adapters`) has two names:
`manifest: Manifest` and `async open(platform, services) -> Adapter`.

Shapes: entities that an adapter gives are normalized NGSI-LD (clause 4.5.1) in the query's working @context, without
an `@context` member. Errors are those of `schemas.errors.SourceError`; nothing else may come out of `probe`, `types`
and `fetch`, and `plan` raises nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec

from adapters.exchange import SourceContext as SourceContext
from adapters.upstream import Upstream
from schemas.capability import Capabilities, Pushdown
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.discovery import AttributeInfo, TypeInfo
from schemas.ngsi_ld.head import Head
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_merge import Chapter
from schemas.ngsi_ld.write import Write, Written
from schemas.platform import Platform, ProbeResult


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the quality scale. `done=False` needs a reason in `note`."""

    id: str
    done: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Read from the adapter's `manifest.json` by `load_manifest`."""

    kind: str
    """The name used in `platform.adapter`."""
    title: str
    title_ja: str
    standard: str
    version: str
    capabilities: Capabilities
    options_schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema (a flat object) of `platform.options`; unknown options are an error that names them."""
    quality: tuple[Rule, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """Some of the entities asked for: either `raw` with its `heads`, or `entities`.

    `raw`: the bytes of one JSON array of normalized entities already in the working context (for a retrieve: of one
    JSON object), `heads` what `schemas.ngsi_ld.head` read of it, in the same order. `total`: how many match at the
    source in all, by its own word.
    """

    raw: bytes | None = None
    heads: list[Head] | None = None
    entities: list[dict[str, Any]] | None = None
    total: int | None = None


class Adapter(Protocol):
    """One platform, spoken to in its own dialect. Instances live as long as their registration's version."""

    capabilities: Capabilities
    """Effective: the manifest's claims as the platform's last probe left them."""

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        """Talk to the platform and say what it is. A problem is a result with `ok=False`, in plain words."""

    def plan(self, query: EntityQuery) -> Pushdown | None:
        """What the platform will do of `query`, and what is left for us; None if it can't hold any of it. Pure."""

    def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        """The pages for `Pushdown.request`; follows paging until the query's `limit` or the end."""

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        """The entity types that the platform holds now, as IRIs."""

    async def close(self) -> None:
        """Give back what it holds (background tasks, caches)."""


@runtime_checkable
class Historical(Protocol):
    """Temporal evolutions can be read (clauses 5.7.3, 5.7.4), where `capabilities.temporal` says so."""

    def evolutions(
        self, query: TemporalQuery, ctx: SourceContext, *, entity: str | None, whole: bool, most: int
    ) -> AsyncIterator[Chapter]:
        """What the platform has in the query's window, with names as IRIs; of the other filters it may apply types,
        ids, patterns, the scope query and the projection, and nothing if it has nothing of it. `entity`: it alone is
        wanted. `whole`: all instances, else it may stop in time where its chapter says. At most `most` entities.
        """


@runtime_checkable
class Writable(Protocol):
    """Takes provision operations (clause 5.6)."""

    def writes(self, operation: str) -> bool:
        """Whether it can do an operation of clause 4.20 at all."""

    async def write(self, write: Write, ctx: SourceContext) -> Written:
        """Do it; what the platform refuses is an answer, too. Errors are those of `schemas.errors.SourceError`."""


@runtime_checkable
class Describing(Protocol):
    """Tells more of its types and attributes than the names of the types (clauses 5.7.6 to 5.7.10). Names are IRIs;
    what it has nothing of is empty. Errors are those of `schemas.errors.SourceError`."""

    async def attributes_of_types(self, ctx: SourceContext) -> dict[str, list[str]]:
        """Type → attributes that its entities have."""

    async def types_of_attributes(self, ctx: SourceContext) -> dict[str, list[str]]:
        """Attribute → types of the entities that have it."""

    async def attribute_names(self, ctx: SourceContext) -> list[str]:
        """The attributes that there are."""

    async def type_info(self, name: str, ctx: SourceContext) -> TypeInfo:
        """Of one type."""

    async def attribute_info(self, name: str, ctx: SourceContext) -> AttributeInfo:
        """Of one attribute."""


@runtime_checkable
class Subscribable(Protocol):
    """Subscriptions can be made there: documents of clause 5.2.12 in core terms, other names as IRIs, with an id that
    we choose. Raises `SourceError`."""

    async def subscribe(self, document: Mapping[str, Any], ctx: SourceContext) -> None:
        """Make it, or change the one of that id."""

    async def unsubscribe(self, subscription: str, ctx: SourceContext) -> None:
        """End it, if it is there."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the composition root lends to adapters."""

    upstream: Upstream
    context_of: Callable[[str], Awaitable[Context]]
    """The @context at a URL, fetched through the guard and cached; `ContextNotAvailable` if it can't be had."""
    data_dirs: tuple[str, ...] = ()
    """Folders below which file adapters may read."""


class AdapterModule(Protocol):
    manifest: Manifest

    async def open(self, platform: Platform, services: Services) -> Adapter: ...
