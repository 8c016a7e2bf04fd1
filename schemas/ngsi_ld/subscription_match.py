"""What a change of an entity means to a subscription: nothing, or what its notification has of the entity (clause
5.8.6). Pure; entities are in their stored form, names as IRIs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.model import ENTITY_MEMBERS, NULL, SYSTEM_MEMBERS, VALUE_MEMBER
from schemas.ngsi_ld.representation import only_datasets, strip_sys_attrs
from schemas.ngsi_ld.subscription import Subscription

Entity = dict[str, Any]
_TIMES: Final = frozenset({"createdAt", "modifiedAt"})
_PREVIOUS: Final = {holder: f"previous{holder[0].upper()}{holder[1:]}" for holder in VALUE_MEMBER.values()}


@dataclass(frozen=True, slots=True)
class EntityChange:
    """`before` None: it was created, `after` None: it is gone. `created`, `now`: when it was made, and changed. Times
    are written as NGSI-LD has them."""

    id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    created: str
    now: str


@dataclass(frozen=True, slots=True)
class InstanceChange:
    """One instance of an attribute. `old` None: it is new, `new` None: it is gone."""

    attribute: str
    dataset: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None

    @property
    def trigger(self) -> str:
        if self.old is None:
            return "attributeCreated"
        return "attributeDeleted" if self.new is None else "attributeUpdated"


def instance_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[InstanceChange]:
    """What differs by more than the times that systems give (clause 5.8.6: with a value other than the existing)."""
    old, new = before or {}, after or {}
    found: list[InstanceChange] = []
    for name in (*new, *(name for name in old if name not in new)):
        if name in ENTITY_MEMBERS or (name in old and old.get(name) is new.get(name)):
            continue
        was, now = _by_dataset(old.get(name)), _by_dataset(new.get(name))
        for dataset in (*now, *(dataset for dataset in was if dataset not in now)):
            left, right = was.get(dataset), now.get(dataset)
            if left is None or right is None or _untimed(left) != _untimed(right):
                found.append(InstanceChange(name, dataset, left, right))
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """`entity` as the notification has it, projection and format apart; `changed`: the attributes for which it is told
    of."""

    entity: Entity
    changed: tuple[str, ...]


def notified(
    subscription: Subscription, change: EntityChange, changes: Sequence[InstanceChange], now: datetime
) -> Told | None:
    """What is told of a change, None if there is nothing to notify. `changes`: those of `instance_changes`. A q along
    Relationships is left to be decided."""
    entity = change.after if change.after is not None else change.before
    if entity is None or subscription.interval is not None or subscription.status(now) != "active":
        return None
    types = types_of(dict(entity))
    if subscription.selectors and not any(one.takes(change.id, types) for one in subscription.selectors):
        return None
    watched = [one for one in changes if not subscription.watched or one.attribute in subscription.watched]
    fired = {one.trigger for one in watched} & subscription.triggers
    fired |= _of_entity(subscription, change, entity)
    if not fired or not conditions_hold(subscription, change, entity):
        return None
    names = tuple(dict.fromkeys(one.attribute for one in watched))
    if change.after is None:
        return Told(_gone(subscription, change, changes if "attributeDeleted" not in fired else watched), names)
    return Told(_there(subscription, change, change.after, changes), names)


def conditions_hold(subscription: Subscription, change: EntityChange, entity: Mapping[str, Any]) -> bool:
    """q, geoQ and scopeQ of the entity as it is; of one that is gone as it was."""
    if subscription.q is not None and not subscription.linked:
        seen = entity
        if subscription.q.sys_attrs:
            seen = {**entity, "createdAt": change.created, "modifiedAt": change.now}
        if not subscription.q.matches(seen):
            return False
    if subscription.geo is not None and not subscription.geo.matches(entity):
        return False
    return subscription.scope is None or subscription.scope.matches(entity.get("scope"))


def _of_entity(subscription: Subscription, change: EntityChange, entity: Mapping[str, Any]) -> set[str]:
    kind = "entityCreated" if change.before is None else "entityDeleted" if change.after is None else ""
    if kind not in subscription.triggers:
        return set()
    if subscription.watched and subscription.watched.isdisjoint(entity):
        return set()
    return {kind}


def _there(
    subscription: Subscription, change: EntityChange, after: Mapping[str, Any], changes: Sequence[InstanceChange]
) -> Entity:
    shown: Entity = dict(after)
    for one in changes:
        if one.new is None and one.old is not None:
            _add_null(shown, one.attribute, one.old, subscription, change)
        elif subscription.form.show_changes and one.old is not None and one.new is not None:
            _add(shown, one.attribute, _with_previous(one.new, one.old))
    if subscription.form.datasets:
        shown = only_datasets(shown, subscription.form.datasets)
    if not subscription.form.sys_attrs:
        return strip_sys_attrs(shown)
    return {**shown, "createdAt": change.created, "modifiedAt": change.now}


def _gone(subscription: Subscription, change: EntityChange, changes: Sequence[InstanceChange]) -> Entity:
    before: Mapping[str, Any] = change.before or {}
    shown: Entity = {"id": change.id, "type": before.get("type")}
    if subscription.form.show_changes or "attributeDeleted" in subscription.triggers:
        for one in changes:
            if one.old is not None:
                _add_null(shown, one.attribute, one.old, subscription, change)
    if subscription.form.datasets:
        shown = only_datasets(shown, subscription.form.datasets)
    if not subscription.form.sys_attrs:
        shown = strip_sys_attrs(shown)
    else:
        shown |= {"createdAt": change.created, "modifiedAt": _last_modified(before, change.created)}
    return {**shown, "deletedAt": change.now}


def _add_null(
    entity: Entity, name: str, old: Mapping[str, Any], subscription: Subscription, change: EntityChange
) -> None:
    null = _null(old, subscription, change.now)
    form = subscription.form
    if not (
        form.show_changes or form.sys_attrs or form.datasets or (change.after is not None and name in change.after)
    ):
        # an attribute that is gone as a whole is named once, if its instances have nothing to tell (clause 5.8.6)
        given = (change.before or {}).get(name)
        if isinstance(given, list) and len(given) > 1:
            null.pop("datasetId", None)
            entity.setdefault(name, null)
            return
    _add(entity, name, null)


def _null(old: Mapping[str, Any], subscription: Subscription, now: str) -> Entity:
    """An instance that is no more: NGSI-LD Null as its value (clause 5.8.6)."""
    kind = str(old.get("type"))
    holder = VALUE_MEMBER.get(kind, "value")
    made: Entity = {"type": kind, holder: {"@none": NULL} if holder == "languageMap" else NULL}
    if "datasetId" in old:
        made["datasetId"] = old["datasetId"]
    if subscription.form.show_changes and holder in old:
        made[_PREVIOUS[holder]] = old[holder]
    if subscription.form.sys_attrs:
        made |= {name: old[name] for name in ("createdAt", "modifiedAt") if name in old}
        made["deletedAt"] = now
    return made


def _with_previous(new: Mapping[str, Any], old: Mapping[str, Any]) -> Entity:
    holder = VALUE_MEMBER.get(str(old.get("type")), "value")
    return {**new, _PREVIOUS[holder]: old[holder]} if holder in old else dict(new)


def _add(entity: Entity, name: str, instance: Entity) -> None:
    """Put an instance in the place of the one with the same datasetId, or beside the others."""
    member = entity.get(name)
    if member is None:
        entity[name] = instance
        return
    dataset = instance.get("datasetId")
    instances = member if isinstance(member, list) else [member]
    kept = [one for one in instances if not isinstance(one, dict) or one.get("datasetId") != dataset]
    entity[name] = [*kept, instance] if kept else instance


def _by_dataset(member: Any) -> dict[str, Mapping[str, Any]]:
    given = member if isinstance(member, list) else [member]
    return {str(one.get("datasetId", "")): one for one in given if isinstance(one, dict)}


def _untimed(instance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in instance.items() if name not in _TIMES}


def _last_modified(entity: Mapping[str, Any], otherwise: str) -> str:
    return max(_modifications(entity), default=otherwise)


def _modifications(entity: Mapping[str, Any]) -> Iterator[str]:
    for name, member in entity.items():
        if name not in ENTITY_MEMBERS and name not in SYSTEM_MEMBERS:
            for one in member if isinstance(member, list) else (member,):
                if isinstance(one, dict) and isinstance(one.get("modifiedAt"), str):
                    yield one["modifiedAt"]
