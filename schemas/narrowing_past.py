"""What rights to use data leave of an evolution. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.narrowing import Clause
from schemas.ngsi_ld.temporal_merge import History


def visible_past(history: History, clauses: Sequence[Clause]) -> History | None:
    """The instances that any of the clauses covers; None if none says anything of such an entity. A right that is bound
    to an area covers no evolutions: where an entity was before is not told by where it is."""
    fitting = [clause for clause in clauses if _fits(history, clause)]
    if not fitting:
        return None
    if any(not clause.attributes for clause in fitting):
        return history
    covered = frozenset[str]().union(*(clause.attributes for clause in fitting)) | {"scope"}
    points = [point for point in history.points if point.attribute in covered]
    return History(history.head, points, history.told & covered) if points else None


def _fits(history: History, clause: Clause) -> bool:
    return clause.area is None and (not clause.types or not clause.types.isdisjoint(history.head.types))
