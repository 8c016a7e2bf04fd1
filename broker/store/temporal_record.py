"""What a change of local entities adds to their temporal evolutions (clauses 4.5.6 to 4.5.8).

Recorded is what differs: an attribute's instance with another value, time or sub-attribute; a deletion as an instance
whose value is `urn:ngsi-ld:null`. An entity that is deleted keeps its evolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from broker.store.entity_change import Written
from broker.store.entity_rows import stamp, types_of
from broker.store.temporal_rows import row, write
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ENTITY_MEMBERS, SYSTEM_MEMBERS, VALUE_MEMBER
from schemas.ngsi_ld.temporal import Instance
from schemas.ngsi_ld.temporal_entity import null_of

Entity = Mapping[str, Any]
_UNRECORDED = SYSTEM_MEMBERS - {"expiresAt"} | {"datasetId", "instanceId"}


async def record(connection: asyncpg.Connection, tenant: str, written: Sequence[Written]) -> None:
    """For `Entities.on_change`: within the transaction of the write itself. Raises BadRequestData for what can't be
    stored."""
    if not written:
        return
    heads: dict[str, tuple[str, ...]] = {}
    gone: set[str] = set()
    rows = []
    for one in written:
        entity = one.before if one.after is None else one.after
        made = list(changed(one.before, one.after, one.now))
        if entity is not None and (made or one.before is None or one.after is None):
            heads[one.id] = types_of(entity)
            (gone.add if one.after is None else gone.discard)(one.id)
            rows += [row(tenant, one.id, instance, one.now) for instance in made]
    if heads:
        await write(connection, tenant, sorted(heads.items()), rows, written[0].now, gone=gone)


def changed(before: Entity | None, after: Entity | None, now: datetime) -> Iterator[Instance]:
    """The instances that an entity's change makes."""
    old, new = before or {}, after or {}
    for name in (*new, *(name for name in old if name not in new)):
        if name == "scope":
            yield from _scope(old.get(name), new.get(name), now)
        elif name not in ENTITY_MEMBERS and old.get(name) is not new.get(name):
            yield from _attribute(name, _by_dataset(old.get(name)), _by_dataset(new.get(name)), now)


def deletion(attribute: str, dataset: str, kind: str, now: datetime) -> Instance:
    """The instance that says that an attribute is no more."""
    return Instance(attribute, dataset, None, now, {"type": kind, VALUE_MEMBER[kind]: null_of(kind)})


def scope_deletion(now: datetime) -> Instance:
    """Likewise of a scope: it is empty."""
    return Instance("scope", "", None, now, {"type": "Property", "value": []})


def _attribute(name: str, old: dict[str, Entity], new: dict[str, Entity], now: datetime) -> Iterator[Instance]:
    for dataset, body in new.items():
        if old.get(dataset) != body:
            yield Instance(name, dataset, read_datetime(body.get("observedAt", "")), None, dict(body))
    for dataset, body in old.items():
        kind = body.get("type")
        if dataset not in new and isinstance(kind, str) and kind in VALUE_MEMBER:
            yield deletion(name, dataset, kind, now)


def _scope(old: Any, new: Any, now: datetime) -> Iterator[Instance]:
    if old == new:
        return
    if new is None:
        yield scope_deletion(now)
    else:
        # clause 4.5.6: observedAt is a copy of modifiedAt
        yield Instance("scope", "", now, None, {"type": "Property", "value": new, "observedAt": stamp(now)})


def _by_dataset(member: Any) -> dict[str, Entity]:
    """Instances by datasetId, without what systems make."""
    given: Sequence[Any] = member if isinstance(member, list) else [member]
    return {
        str(one.get("datasetId", "")): {key: value for key, value in one.items() if key not in _UNRECORDED}
        for one in given
        if isinstance(one, dict)
    }
