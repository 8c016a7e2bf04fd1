"""The temporal evolution of an entity (clauses 4.5.6 to 4.5.8) and a question about it (clause 4.11). Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.ngsi_ld.conformance import CURRENT, Version
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.geo import GeoQuery
from schemas.ngsi_ld.patterns import Pattern
from schemas.ngsi_ld.projection import Parts
from schemas.ngsi_ld.q import Q
from schemas.ngsi_ld.scope import ScopeQuery
from schemas.ngsi_ld.temporal_aggregate import Aggregation
from schemas.ngsi_ld.types import TypeSelection

INSTANCE = "urn:ngsi-ld:Instance:"
"""What an instanceId begins with; a UUID follows."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of an attribute at a point in time. `attribute` is an IRI, or `scope`; the default dataset is "".

    `body`: normalized, names as IRIs, without system attributes and instanceId.
    """

    attribute: str
    dataset: str
    observed_at: datetime | None
    deleted_at: datetime | None
    body: dict[str, Any]


class Form(StrEnum):
    """The representations of clauses 4.5.6, 4.5.9 and 4.5.19."""

    NORMALIZED = "normalized"
    CONCISE = "concise"
    VALUES = "temporalValues"
    AGGREGATED = "aggregatedValues"


@dataclass(frozen=True, slots=True)
class Window:
    """Which instances are meant. Bounds as clause 4.11 has them: from is inclusive, until exclusive."""

    timerel: str | None = None
    time_at: datetime | None = None
    end_at: datetime | None = None
    timeproperty: str | None = None
    """None: observedAt if there is a `timerel`, else any instance at the time it is filed under."""
    last_n: int | None = None
    """So many of each attribute, the latest ones."""
    datasets: tuple[str, ...] = ()
    """datasetIds, "" for the default instances; none for all."""

    @property
    def since(self) -> datetime | None:
        return None if self.timerel == "before" else self.time_at

    @property
    def until(self) -> datetime | None:
        return self.time_at if self.timerel == "before" else self.end_at

    @property
    def looked_at(self) -> str | None:
        """The Temporal Property that an instance must have."""
        return self.timeproperty or ("observedAt" if self.timerel else None)

    @property
    def backwards(self) -> bool:
        """Pages begin with the latest instances (clause 6.3.10)."""
        return self.last_n is not None


@dataclass(frozen=True, slots=True)
class Selector:
    """Entities by id, type and pattern, all together (clause 5.2.33)."""

    ids: tuple[str, ...] = ()
    types: TypeSelection | None = None
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """Clauses 5.7.3 and 5.7.4. Names are in the working context, as in `EntityQuery`."""

    context: Context = CORE
    selectors: tuple[Selector, ...] = ()
    """An entity fits any of them; none: all entities."""
    window: Window = Window()
    attrs: tuple[str, ...] = ()
    pick: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    parts: Parts | None = None
    """Sub-attributes that are shown; None: all."""
    q: Q | None = None
    geo: GeoQuery | None = None
    scope: ScopeQuery | None = None
    form: Form = Form.NORMALIZED
    aggregation: Aggregation | None = None
    sys_attrs: bool = False
    lang: str | None = None
    version: Version = CURRENT
    """What the evolutions are to conform to (clause 4.3.6.8)."""
    csf: Q | None = None
    """Only sources whose registration fits are asked (clause 4.9)."""
    local: bool = False
    """Ask the local store only (clause 4.3.6.4)."""
    limit: int = 20
    offset: int = 0
    count: bool = False
    descending: bool = False

    @property
    def shown(self) -> tuple[str, ...]:
        """The only attributes that may be in the answer (scope among them); none for all."""
        if self.attrs:
            return (*self.attrs, "scope")
        return tuple(name for name in self.pick if name not in ("id", "type"))

    @property
    def needed(self) -> tuple[str, ...]:
        """Attributes of which an entity must have an instance in the window; none for any."""
        if self.attrs:
            return self.attrs
        return () if {"id", "type"} & set(self.pick) else self.pick

    @property
    def filtered(self) -> bool:
        """Whether instances decide which entities there are, beyond their being in the window."""
        return self.q is not None or self.geo is not None or self.scope is not None

    @property
    def only_head(self) -> bool:
        """Nothing but id and type is wanted."""
        return bool(self.pick) and not self.shown
