"""Which registrations exclude each other (clauses 4.3.6.3, 5.9.2.4). Pure."""

from __future__ import annotations

from schemas.ngsi_ld.patterns import compile_pattern
from schemas.platform import EntityPattern, Information, Mode, Platform


def excluded_by(new: Platform, other: Platform) -> bool:
    """Whether `other`, registered already, does not let `new` in: one of them is exclusive, the other exclusive or
    redirect, and both are for one attribute of one entity."""
    modes = {new.mode, other.mode}
    if Mode.EXCLUSIVE not in modes or not (new.proxied and other.proxied):
        return False
    exclusive, wider = (new, other) if new.mode is Mode.EXCLUSIVE else (other, new)
    return any(_meet(one, two) for one in exclusive.coverage.informations for two in wider.coverage.informations)


def _meet(exclusive: Information, other: Information) -> bool:
    if other.attributes and exclusive.attributes.isdisjoint(other.attributes):
        return False
    return not other.entities or any(_same(a, b) for a in exclusive.entities for b in other.entities)


def _same(exclusive: EntityPattern, other: EntityPattern) -> bool:
    """Whether the entity that an exclusive registration names is one of the other's. An id is one entity's, whatever
    types it is registered with."""
    if other.id is not None:
        return other.id == exclusive.id
    if exclusive.type is not None and other.type is not None and exclusive.type != other.type:
        return False
    if other.id_pattern is not None and exclusive.id is not None:
        return compile_pattern(other.id_pattern).found_in(exclusive.id)
    return True
