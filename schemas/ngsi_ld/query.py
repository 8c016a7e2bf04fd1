"""A consumer's question, parsed once: `EntityQuery` (what) and `Rendering` (how the answer looks).

Attribute and type names in it are terms of the working @context (`query.context`), compacted, so that they can be
compared with the names in entities that are in that context. `context.expand(name)` gives the IRI.

They are structs of msgspec: made and altered several times a request, for a tenth of what frozen dataclasses cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from schemas.ngsi_ld.conformance import Version
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.geo import GeoQuery
from schemas.ngsi_ld.linked import Join
from schemas.ngsi_ld.order import Order
from schemas.ngsi_ld.projection import Parts
from schemas.ngsi_ld.q import Q
from schemas.ngsi_ld.scope import ScopeQuery
from schemas.ngsi_ld.types import TypeSelection


class Format(StrEnum):
    NORMALIZED = "normalized"
    CONCISE = "concise"
    SIMPLIFIED = "simplified"


class Rendering(msgspec.Struct, frozen=True):
    """How entities leave: clauses 4.5.4 (simplified), 4.5.9 (concise), 4.5.16 (GeoJSON), 6.3.5 (JSON-LD or JSON)."""

    format: Format = Format.NORMALIZED
    geojson: bool = False
    geometry_property: str = "location"
    jsonld: bool = False
    """`application/ld+json`: the @context goes into the body."""
    sys_attrs: bool = False
    lang: str | None = None
    version: Version | None = None
    """Of the specification that the answer is to conform to; None: ours."""
    parts: Parts | None = None
    """Sub-attributes that are shown; None: all."""
    datasets: frozenset[str] = frozenset()
    """Only attribute instances with one of these datasetIds (`@none`: without one) are shown; empty: all of them."""


@dataclass(frozen=True, slots=True)
class Selector:
    """One of several EntitySelectors of a Query (clause 5.2.33); `ids` take precedence over `id_pattern`."""

    types: TypeSelection | None
    ids: tuple[str, ...] = ()
    id_pattern: str | None = None


class EntityQuery(msgspec.Struct, frozen=True):
    """Clause 5.7.2 (query) or 5.7.1 (retrieve)."""

    context: Context = CORE
    ids: tuple[str, ...] = ()
    types: TypeSelection | None = None
    id_pattern: str | None = None
    """A regular expression (RE2)."""
    attrs: tuple[str, ...] = ()
    """Entities must have at least one of them; unless `pick` is set they are also the projection."""
    pick: tuple[str, ...] = ()
    """Projection: members to keep (may name id, type, scope). An entity that has none of them is left out."""
    omit: tuple[str, ...] = ()
    q: Q | None = None
    geo: GeoQuery | None = None
    scope: ScopeQuery | None = None
    selectors: tuple[Selector, ...] = ()
    """Where there are several: an entity must fit one of them. `types` and `ids` then hold what any of them takes."""
    csf: Q | None = None
    """Only sources whose registration fits are asked (clause 4.9)."""
    order: Order | None = None
    """In ascending order of id if None."""
    join: Join | None = None
    limit: int = 20
    offset: int = 0
    count: bool = False
    retrieve: bool = False
    """One entity by id (`ids` has exactly one): an unknown id is a 404, not an empty list."""
    sys_attrs: bool = False
    """createdAt and modifiedAt are wanted in the answer."""
    split_entities: bool = False
    """Entities may be split over sources: filter after the merge only (clause 4.3.6, parameter splitEntities)."""
    local: bool = False
    """Ask the local store only (clause 4.3.6.4)."""
    tenant: str = ""
    datasets: frozenset[str] = frozenset()
    """Only instances with one of these datasetIds (`@none`: without one) are shown, which is done when the answer is
    made; sources that have others only are not asked (clause 5.12)."""
    provenance: bool = False
    """Each attribute is to tell which platform it comes from, and when that was asked."""

    def alter(self, **changes: object) -> EntityQuery:
        """The same question but for these members."""
        return msgspec.structs.replace(self, **changes)
