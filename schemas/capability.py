"""What a source can do, and what it took of a query."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec


class Paging(StrEnum):
    NONE = "none"
    OFFSET = "offset"
    CURSOR = "cursor"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Claims of an adapter, or of a platform after its probe. The default is "cannot"; a claim is tested both ways."""

    by_id: bool = False
    """`id=a,b` is honoured."""
    retrieve: bool = False
    """One entity by its id in one call."""
    by_type: bool = False
    """A list of type names (`A,B`) is honoured."""
    id_pattern: bool = False
    projection: bool = False
    """`attrs`/`pick` is honoured."""
    q_operators: frozenset[str] = frozenset()
    """A subset of what `Q.operators` can hold (== != > >= < <= ~= !~= exists range list and or path)."""
    geo_relations: frozenset[str] = frozenset()
    """near, within, contains, intersects, equals, disjoint, overlaps."""
    scope: bool = False
    """Scope queries and several selectors at once are honoured; no source is taken to do it that doesn't say so."""
    count: bool = False
    """Says how many match in all."""
    ordered_by_id: bool = False
    """Pages come in ascending order of id (by code point), so the first n are the first n."""
    paging: Paging = Paging.NONE
    page_limit: int = 1000
    """The largest page it gives."""
    types: bool = False
    """Can list its entity types."""
    temporal: bool = False
    subscribe: bool = False
    write: bool = False
    catalogue: bool = False


class Residual(msgspec.Struct, frozen=True):
    """What the source leaves for us to do with its answer. Everything True: it filters nothing."""

    ids: bool = False
    types: bool = False
    id_pattern: bool = False
    q: bool = False
    geo: bool = False
    projection: bool = False
    scope: bool = False
    """The scope query, and the choice between several selectors."""
    shares: bool = False
    """To take out what is not the source's to give (`broker.federation.modes`)."""

    @property
    def filters(self) -> bool:
        """True if an entity may have come that does not match the query."""
        return self.ids or self.types or self.id_pattern or self.q or self.geo or self.scope or self.shares

    def __or__(self, other: Residual) -> Residual:
        return Residual(
            ids=self.ids or other.ids,
            types=self.types or other.types,
            id_pattern=self.id_pattern or other.id_pattern,
            q=self.q or other.q,
            geo=self.geo or other.geo,
            projection=self.projection or other.projection,
            scope=self.scope or other.scope,
            shares=self.shares or other.shares,
        )


class Pushdown(msgspec.Struct, frozen=True):
    """An adapter's answer to `plan`: its own request (opaque to us) and what remains.

    `limit_guaranteed`: the source applies the query's limit and offset itself and truly, so that, asked alone, its
    page is the page. `ordered`: what comes is in ascending order of id. `sorted`: the page is cut in the query's order,
    if it has one. `text` is for `/federation/explain`.
    """

    request: Any
    residual: Residual = Residual()
    limit_guaranteed: bool = False
    ordered: bool = False
    sorted: bool = False
    text: str = ""
    key: Hashable | None = None
    """Equal keys at one platform mean the same question in the same @context, so that one answer serves all who ask it;
    None: its answers are nobody else's."""
