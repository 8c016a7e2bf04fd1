"""The shapes in which entities leave and arrive, in one place, with projection and system attributes.

Every function takes normalized entities (`from_any`: any), leaves its input untouched and may share parts of it with
its answer. Nothing here validates: what sources send and we don't know is passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

from schemas.ngsi_ld.concise import from_any, to_concise
from schemas.ngsi_ld.geojson import feature, to_geojson
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS, KIND_OF_MEMBER, SYSTEM_MEMBERS
from schemas.ngsi_ld.projection import Parts
from schemas.ngsi_ld.simplified import to_language, to_simplified
from schemas.ngsi_ld.walk import DEPTH, Entity

__all__ = [
    "feature",
    "from_any",
    "only_datasets",
    "only_parts",
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


def only_parts(entity: Mapping[str, Any], parts: Parts) -> Entity:
    """With those sub-attributes only that a projection with paths leaves (clause 4.21)."""
    kept = dict(entity)
    for paths, reduce in ((parts.pick, _picked), (parts.omit, _omitted)):
        for name, below in _grouped(paths).items():
            if name in kept:
                kept[name] = _each_instance(kept[name], below, reduce)
    return kept


Tails: TypeAlias = list[tuple[str, ...]]
_LASTING = frozenset(KIND_OF_MEMBER) | {"type"}
"""An attribute is none without them."""


def _grouped(paths: Iterable[tuple[str, ...]]) -> dict[str, Tails]:
    found: dict[str, Tails] = {}
    for head, *tail in paths:
        found.setdefault(head, []).append(tuple(tail))
    return found


def _each_instance(member: Any, below: Tails, reduce: Callable[[Entity, Tails], Entity]) -> Any:
    if isinstance(member, list):
        return [reduce(one, below) if isinstance(one, dict) else one for one in member]
    return reduce(member, below) if isinstance(member, dict) else member


def _picked(instance: Entity, below: Tails) -> Entity:
    wanted = _grouped(below)
    return {
        name: inner if name in ATTRIBUTE_MEMBERS or () in wanted[name] else _each_instance(inner, wanted[name], _picked)
        for name, inner in instance.items()
        if name in ATTRIBUTE_MEMBERS or name in wanted
    }


def _omitted(instance: Entity, below: Tails) -> Entity:
    unwanted = _grouped(below)
    return {
        name: _each_instance(inner, unwanted[name], _omitted) if name in unwanted and name not in _LASTING else inner
        for name, inner in instance.items()
        if name in _LASTING or () not in unwanted.get(name, ())
    }


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
