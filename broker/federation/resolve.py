"""One entity out of several versions of it (clause 4.5.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.instants import read_datetime

Entity = dict[str, Any]
_OLDEST = datetime.min.replace(tzinfo=UTC)
_KEYWORDS = frozenset({"id", "type", "scope", "@context", "createdAt", "modifiedAt", "expiresAt", "deletedAt"})


def resolve(versions: Sequence[Entity], *, now: str, auxiliary: int = 0) -> Entity:
    """Merge versions of one entity, given in order of the registrations' ids; the last `auxiliary` ones are of
    registrations of that mode, which only add what no other has (4.3.6.3).

    Versions that have expired are dropped, unless all have. Types and scopes are united. Per attribute and datasetId:
    expired instances are dropped, then the newest by `observedAt`, then by `modifiedAt`, wins; on a tie the first
    registration does (4.5.5.3). Entity level: the earliest createdAt, the latest modifiedAt; expiresAt only if every
    version has one, then the latest. `now`: ISO 8601 UTC. What is not of its form (sources send anything) is passed on
    or counts as older, and breaks nothing.
    """
    if len(versions) == 1:
        return versions[0]
    split = len(versions) - auxiliary
    own = [v for v in versions[:split] if not _expired(v, now)]
    added = [v for v in versions[split:] if not _expired(v, now)]
    living = [*own, *added] or list(versions)
    if len(living) == 1:
        return living[0]
    merged: Entity = {"id": living[0]["id"], "type": _united([types_of(v) for v in living])}
    scopes = [_listed(v["scope"]) for v in living if "scope" in v]
    if scopes:
        merged["scope"] = _united(scopes)
    for name in {n: None for v in living for n in v if n not in _KEYWORDS}:
        holders = [v for v in own if name in v] or [v for v in living if name in v]
        kept = _newest([i for v in holders for i in _listed(v[name])], now)
        if kept:
            merged[name] = kept[0] if len(kept) == 1 else kept
    for member, chosen in (("createdAt", min), ("modifiedAt", max)):
        times = _texts(living, member)
        if times:
            merged[member] = chosen(times, key=_instant)
    ends = _texts(living, "expiresAt")
    if len(ends) == len(living):
        merged["expiresAt"] = max(ends, key=_instant)
    return merged


def _newest(instances: Sequence[Any], now: str) -> list[Any]:
    """The winner of each datasetId, in order of first appearance."""
    best: dict[str, Any] = {}
    for instance in instances:
        if not isinstance(instance, dict):
            best.setdefault("", instance)
            continue
        if _expired(instance, now):
            continue
        key = str(instance.get("datasetId", ""))
        other = best.get(key)
        if other is None or (isinstance(other, dict) and _newer(instance, other)):
            best[key] = instance
    return list(best.values())


def _newer(one: Entity, other: Entity) -> bool:
    for member in ("observedAt", "modifiedAt"):
        a, b = one.get(member), other.get(member)
        if a != b and _instant(a) != _instant(b):
            return _instant(a) > _instant(b)
    return False


def _expired(thing: Entity, now: str) -> bool:
    expires = thing.get("expiresAt")
    return expires is not None and _OLDEST < _instant(expires) < _instant(now)


def _instant(text: object) -> datetime:
    """Comparable; what is no DateTime is older than all."""
    return (read_datetime(text) if isinstance(text, str) else None) or _OLDEST


def _texts(versions: Sequence[Entity], member: str) -> list[str]:
    return [v[member] for v in versions if isinstance(v.get(member), str)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _united(lists: Sequence[Sequence[str]]) -> str | list[str]:
    names = list(dict.fromkeys(n for names in lists for n in names if isinstance(n, str)))
    return names[0] if len(names) == 1 else names
