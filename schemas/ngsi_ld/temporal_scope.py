"""The scope query on evolutions (clauses 4.18, 4.19 and 5.7.4.4): a scope holds from when it is set until it is set
anew, and instances count while a scope that was asked for holds."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.ngsi_ld.scope import ScopeQuery
from schemas.ngsi_ld.temporal_view import Point


def bounded(points: Sequence[Point], scopes: Sequence[Point], query: ScopeQuery) -> list[Point]:
    """Of `points`, those at whose time a scope holds that fits; and the scopes that fit. Empty if none holds.

    `scopes`: all that were set before the end of the window, in order of time.
    """
    fitting = [p for p in scopes if p.deleted_at is None and query.matches(p.body.get("value"))]
    if not fitting:
        return []
    spans = [(p.at, next((later.at for later in scopes if later.at > p.at), None)) for p in fitting]
    kept = [
        p
        for p in points
        if p.attribute != "scope" and any(since <= p.at and (until is None or p.at < until) for since, until in spans)
    ]
    return sorted([*kept, *fitting], key=lambda p: (p.at, p.name.bytes)) if kept else []
