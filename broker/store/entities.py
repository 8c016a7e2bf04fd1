"""The local NGSI-LD store: entities of tenants, written and queried. Feed `local_types` tells of their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from broker.store import entity_types
from broker.store.database import Database
from broker.store.entity_change import Change, Decide, Done, Outcome, Recorder, change_many, instant
from broker.store.entity_filter import Sql, Where
from broker.store.entity_lanes import Lanes
from broker.store.entity_order import By, Walk
from broker.store.entity_read import StoredEntity, looked_up, nearby, page, stored
from broker.store.entity_rows import Entity, make_row
from broker.store.text import storable
from schemas.errors import AlreadyExists, NotFound

FEED = entity_types.FEED

_SWEPT = 500
"""Entities that one transaction of the sweeper takes."""


class Entities:
    """Entities given are normalized, with attribute names and types as IRIs (`schemas.ngsi_ld.entity.parse_entity`).

    All methods raise `StoreUnavailable`; writing ones `BadRequestData` that names the member, for what can't be stored.
    A tenant is there as soon as it has an entity; the default tenant is "".
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recorders: list[Recorder] = []
        self._lanes = Lanes()

    def on_change(self, record: Recorder) -> None:
        """From now on tell `record` of every change, in its transaction."""
        self._recorders.append(record)

    async def change_many(self, tenant: str, changes: Sequence[Change]) -> list[Outcome]:
        """Decide on entities by what is there, and store what was decided, all in one transaction; for each what came
        of it. An entity that another writer changes meanwhile is read and decided on again, so that nothing is lost.
        """
        return await change_many(self._database, self._lanes, self._recorders, tenant, changes)

    async def create(self, tenant: str, entity: Mapping[str, Any]) -> None:
        """Raises `AlreadyExists`."""
        _raise(await self.change_many(tenant, [Change(id_of(entity), lambda there: created(there, entity))]))

    async def replace(self, tenant: str, entity: Mapping[str, Any]) -> None:
        """Raises `NotFound`."""
        name = id_of(entity)
        _raise(await self.change_many(tenant, [Change(name, lambda there: replaced(there, entity, name))]))

    async def upsert_many(self, tenant: str, entities: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Create or replace all or none; for each whether it was created. Of one id's several the last stays."""
        now = instant()
        for entity in entities:
            make_row(entity, None, now)
        changes = [Change(id_of(entity), _becomes(entity)) for entity in entities]
        return [done.created for done in _raise(await self.change_many(tenant, changes))]

    async def delete_many(self, tenant: str, ids: Sequence[str]) -> list[bool]:
        """All in one transaction; for each whether it was there."""
        if not storable(tenant):
            return [False] * len(ids)
        outcomes = await self.change_many(tenant, [Change(name, _deletes(name)) for name in ids])
        return [isinstance(outcome, Done) for outcome in outcomes]

    async def sweep(self) -> int:
        """Take away what has expired (clause 4.22); how many entities were changed or ended. Any number of processes
        may do this at once."""
        swept = 0
        while True:
            async with self._database.connection() as connection:
                # What is due is left alone for a moment, so that no two clocks disagree on it.
                rows = await connection.fetch(
                    "SELECT tenant, id FROM entities WHERE next_expiry <= now() - interval '20 ms'"
                    " ORDER BY next_expiry LIMIT $1",
                    _SWEPT,
                )
            changes: dict[str, list[Change]] = {}
            for tenant, name in rows:
                changes.setdefault(tenant, []).append(Change(name, _anew))
            for tenant, due in changes.items():
                await self.change_many(tenant, due)
            swept += len(rows)
            if len(rows) < _SWEPT:
                return swept

    async def get(self, tenant: str, ids: Sequence[str]) -> list[StoredEntity]:
        """Those that are there, in order of id."""
        return await self.query(tenant, Where(ids=ids), limit=len(ids))

    async def query(
        self, tenant: str, where: Where = Where(), *, after_id: str | None = None, limit: int = 1000, offset: int = 0
    ) -> list[StoredEntity]:
        """In order of id by code point. `after_id` (the last id of the page before) costs less than `offset`."""
        async with self._database.connection() as connection:
            near = await nearby(connection, tenant, where)
            rows = None
            if near.covers and near.ids is None:
                rows = await looked_up(connection, tenant, near, after_id, limit + offset)
            if rows is None:
                sql = Sql(tenant, near, after_id)
                rows = await connection.fetch(page(sql, limit, offset), *sql.arguments) if sql.possible else []
            else:
                rows = rows[offset:]
        now = datetime.now(UTC)
        return [stored(row, now) for row in rows]

    def walk(self, tenant: str, where: Where, by: By) -> Walk:
        """The same in another order."""
        return Walk(self._database, tenant, where, by)

    async def count(self, tenant: str, where: Where = Where()) -> int:
        """How many `query` gives without a limit."""
        async with self._database.connection() as connection:
            sql = Sql(tenant, await nearby(connection, tenant, where))
            if not sql.possible:
                return 0
            counted: int = await connection.fetchval(
                "SELECT " + " + ".join(f"(SELECT count(*) FROM entities e WHERE {text})" for text in sql.apart()),  # noqa: S608
                *sql.arguments,
            )
        return counted

    async def types(self, tenant: str) -> dict[str, int]:
        """How many entities are of each type; one of several types counts for each."""
        if not storable(tenant):
            return {}
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT unnest(types) AS type, count(*) FROM entities WHERE tenant = $1"
                " AND (expires_at IS NULL OR expires_at > now()) GROUP BY 1 ORDER BY 1",
                tenant,
            )
        return dict(rows)

    async def types_present(self) -> dict[str, frozenset[str]]:
        """The types that each tenant has entities of; changes are told by feed `local_types`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT tenant, array_agg(type) FROM local_types GROUP BY tenant")
        return {tenant: frozenset(types) for tenant, types in rows}


def _anew(there: Entity | None) -> Entity | None:
    """Stored again as it is, which is without what has expired."""
    return None if there is None else dict(there)


def _becomes(entity: Mapping[str, Any]) -> Decide:
    return lambda _: entity


def _deletes(name: str) -> Decide:
    def delete(there: Entity | None) -> None:
        found(there, name)

    return delete


def created(there: Entity | None, entity: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises `AlreadyExists`."""
    if there is not None:
        name = id_of(entity)
        raise AlreadyExists(f"There is an entity {name} already.", field="id", value=name, clause="5.6.1")
    return entity


def replaced(there: Entity | None, entity: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Raises `NotFound`."""
    found(there, name)
    return entity


def found(there: Entity | None, name: str) -> Entity:
    """What is there. Raises `NotFound`."""
    if there is None:
        raise NotFound(f"There is no entity {name}.", field="id", value=name)
    return there


def _raise(outcomes: Sequence[Outcome]) -> list[Done]:
    done: list[Done] = []
    for outcome in outcomes:
        if not isinstance(outcome, Done):
            raise outcome
        done.append(outcome)
    return done


def id_of(entity: Mapping[str, Any]) -> str:
    """The id, "" if it has none that could be one."""
    name = entity.get("id")
    return name if isinstance(name, str) else ""
