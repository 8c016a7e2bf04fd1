"""A proxied registration is for what nobody else holds (clauses 4.3.6.3, 5.9.2.4): what stands against one."""

from __future__ import annotations

from collections.abc import Iterable

from broker.store.entities import Entities
from broker.store.entity_filter import Where
from broker.store.entity_prefilter import id_prefix
from schemas.errors import Conflict
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.registration_conflict import excluded_by
from schemas.platform import EntityPattern, Information, Mode, Platform

_PAGE = 1000


async def refuse_conflict(new: Platform, others: Iterable[Platform], entities: Entities) -> None:
    """Raises Conflict where another registration, or an entity of the local store, stands against `new`."""
    if not new.proxied:
        return
    for other in others:
        same_room = other.id != new.id and other.registry_tenant == new.registry_tenant
        if same_room and excluded_by(new, other):
            raise Conflict(
                f"{other.id} is registered for the same attributes of the same entity, and one of both is exclusive",
                field="information",
                value=other.id,
                clause="5.9.2.4",
            )
    if new.adapter == "local":
        return
    for info in new.coverage.informations:
        held = await _held(entities, new.registry_tenant, info)
        if held is not None:
            what = "that has such an attribute" if new.mode is Mode.EXCLUSIVE or info.attributes else "of that kind"
            raise Conflict(
                f"the local store holds an entity {what}: {held}", field="information", value=held, clause="5.9.2.4"
            )


async def _held(entities: Entities, tenant: str, info: Information) -> str | None:
    """The id of a local entity that the registration would cover."""
    for pattern in info.entities or (EntityPattern(),):
        where = Where(
            ids=None if pattern.id is None else [pattern.id],
            types=() if pattern.type is None else [frozenset((pattern.type,))],
            id_prefix="" if pattern.id is not None or not pattern.id_pattern else id_prefix(pattern.id_pattern),
            attrs_any=sorted(info.attributes),
        )
        wanted = compile_pattern(pattern.id_pattern) if pattern.id is None and pattern.id_pattern else None
        after = None
        while True:
            rows = await entities.query(tenant, where, after_id=after, limit=_PAGE if wanted else 1)
            for row in rows:
                if wanted is None or wanted.found_in(row.id):
                    return row.id
            if wanted is None or len(rows) < _PAGE:
                break
            after = rows[-1].id
    return None
