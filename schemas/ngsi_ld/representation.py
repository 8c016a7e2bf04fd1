"""The shapes in which entities leave and arrive, in one place, with projection and system attributes.

Every function takes normalized entities (`from_any`: any), leaves its input untouched and may share parts of it with
its answer. Nothing here validates: what sources send and we don't know is passed on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from schemas.ngsi_ld.concise import from_any, to_concise
from schemas.ngsi_ld.geojson import feature, to_geojson
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS, SYSTEM_MEMBERS
from schemas.ngsi_ld.simplified import to_language, to_simplified
from schemas.ngsi_ld.walk import DEPTH, Entity

__all__ = [
    "feature",
    "from_any",
    "only_datasets",
    "project",
    "strip_sys_attrs",
    "to_concise",
    "to_geojson",
    "to_language",
    "to_simplified",
]


def project(
    entity: Mapping[str, Any],
    attrs: Collection[str] = (),
    pick: Collection[str] = (),
    omit: Collection[str] = (),
) -> Entity:
    """`attrs` chooses attributes and keeps all other members; `pick` keeps only what it names (id, type and scope too);
    `omit` leaves out what it names. `pick` prevails over `attrs`; `omit` comes last. May be empty (clause 4.21)."""
    if pick:
        kept = {name: member for name, member in entity.items() if name in pick or name == "@context"}
    elif attrs:
        kept = {name: member for name, member in entity.items() if name in attrs or name in ENTITY_MEMBERS}
    else:
        kept = dict(entity)
    for name in omit:
        kept.pop(name, None)
    return kept


def only_datasets(entity: Mapping[str, Any], datasets: Collection[str]) -> Entity:
    """With those instances of each attribute only whose datasetId is among `datasets`; `@none` stands for having none.
    An attribute that has no such instance is left out (clause 4.5.5)."""
    kept: Entity = {}
    for name, member in entity.items():
        if name in ENTITY_MEMBERS:
            kept[name] = member
            continue
        instances = member if isinstance(member, list) else [member]
        chosen = [one for one in instances if not isinstance(one, dict) or one.get("datasetId", "@none") in datasets]
        if chosen:
            kept[name] = chosen if isinstance(member, list) and len(chosen) > 1 else chosen[0]
    return kept


def strip_sys_attrs(entity: Mapping[str, Any]) -> Entity:
    """Without createdAt, modifiedAt, deletedAt and expiresAt, on every level (clause 6.3.11). Attributes that have none
    are not copied."""
    return {
        name: member if name in ENTITY_MEMBERS else _stripped(member, 0)
        for name, member in entity.items()
        if name not in SYSTEM_MEMBERS
    }


def _stripped(member: Any, depth: int) -> Any:
    if depth > DEPTH:
        return member
    if isinstance(member, list):
        return [_stripped(one, depth + 1) for one in member]
    if not isinstance(member, dict):
        return member
    body = None
    for name, inner in member.items():
        if name in SYSTEM_MEMBERS:
            body = body if body is not None else dict(member)
            del body[name]
        elif isinstance(inner, dict | list) and (name not in ATTRIBUTE_MEMBERS or name in ("entity", "entityList")):
            kept = _stripped(inner, depth + 1)
            if kept is not inner:
                body = body if body is not None else dict(member)
                body[name] = kept
    return member if body is None else body
