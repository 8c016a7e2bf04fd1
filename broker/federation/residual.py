"""The filters that are left for us, applied once to entities in the working context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.query_memory import fits
from schemas.capability import Residual
from schemas.ngsi_ld.query import EntityQuery


def make_filter(query: EntityQuery, residual: Residual) -> Callable[[dict[str, Any]], bool] | None:
    """A predicate for what `residual` leaves of `query`; None if nothing is left.

    A projection is a filter, too: an entity that has nothing of it is left out (clause 5.7.2.4), but for a retrieve.
    """
    picked = () if query.retrieve or not residual.projection or "id" in query.pick else query.pick
    if not picked and not _decides(query, residual):
        return None
    if not picked:
        return lambda entity: fits(entity, query, residual)
    return lambda entity: fits(entity, query, residual) and any(name in entity for name in picked)


def _decides(query: EntityQuery, residual: Residual) -> bool:
    """Whether `fits` looks at anything: a source may leave what only its own registration added to the question."""
    return bool(
        (residual.ids and query.ids)
        or (residual.types and query.types is not None)
        or (residual.id_pattern and query.id_pattern)
        or (residual.projection and query.attrs)
        or (residual.q and query.q is not None)
        or (residual.geo and query.geo is not None)
        or (residual.scope and (query.scope is not None or query.selectors))
    )
