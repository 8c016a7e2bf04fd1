"""Evolutions as earlier versions of the specification know them (clause 4.3.6.8). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schemas.ngsi_ld.conformance import CURRENT, SINGLE, older
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_view import Head, Point


def amended(head: Head, points: Sequence[Point], query: TemporalQuery) -> tuple[Head, list[Point], bool]:
    """What there is in the version that the query prefers, and whether less or other than it was. An attribute keeps
    its instances in time; of several datasets, where there were none yet, the default one, or else the first. How each
    instance is told then is `temporal_view.present`'s."""
    if query.version >= CURRENT:
        return head, list(points), False
    chosen = _of_one_dataset(points) if query.version < SINGLE else list(points)
    told = [(point, older({point.attribute: point.body}, query.version)) for point in chosen]
    kept = [point for point, entity in told if point.attribute in entity]
    changed = len(kept) != len(points) or any(entity.get(p.attribute) is not p.body for p, entity in told)
    types = head.types[:1] if query.version < SINGLE else head.types
    return replace(head, types=types), kept, changed or types != head.types


def _of_one_dataset(points: Sequence[Point]) -> list[Point]:
    kept: dict[str, str] = {}
    for point in points:
        if point.dataset == "" or point.attribute not in kept:
            kept[point.attribute] = point.dataset
    return [replace(p, dataset="") if p.dataset else p for p in points if kept[p.attribute] == p.dataset]
