"""What of a stored entity comes to its end, and when (expiresAt, clause 4.22). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS

_DEPTH = 32


def expiry_of(entity: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """When the entity as a whole ends, and when the first part of it or itself does; None: never."""
    whole = _end(entity)
    ends = [end for name, member in entity.items() if name not in ENTITY_MEMBERS for end in _ends(member, 0)]
    if whole is not None:
        ends.append(whole)
    return whole, min(ends, default=None)


def without_expired(entity: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Without the attribute instances and sub-attributes that have ended; what has none of them is not copied."""
    kept: dict[str, Any] = {}
    for name, member in entity.items():
        left = member if name in ENTITY_MEMBERS else _left(member, now, 0)
        if left is not None:
            kept[name] = left
    return kept


def _ends(member: Any, depth: int) -> Iterator[datetime]:
    if depth > _DEPTH:
        return
    for one in member if isinstance(member, list) else (member,):
        if isinstance(one, dict):
            end = _end(one)
            if end is not None:
                yield end
            for name, inner in one.items():
                if name not in ATTRIBUTE_MEMBERS:
                    yield from _ends(inner, depth + 1)


def _left(member: Any, now: datetime, depth: int) -> Any:
    """None if nothing is left."""
    if not any(end <= now for end in _ends(member, depth)):
        return member
    if isinstance(member, list):
        left = [one for one in (_left(one, now, depth) for one in member) if one is not None]
        return left[0] if len(left) == 1 else left or None
    end = _end(member)
    if end is not None and end <= now:
        return None
    inner = {name: one if name in ATTRIBUTE_MEMBERS else _left(one, now, depth + 1) for name, one in member.items()}
    return {name: one for name, one in inner.items() if one is not None}


def _end(owner: Mapping[str, Any]) -> datetime | None:
    text = owner.get("expiresAt")
    return read_datetime(text) if isinstance(text, str) else None
