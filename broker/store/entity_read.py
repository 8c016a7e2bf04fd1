"""The statements that read entities, and what a row of them says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg
import orjson

from broker.store.entity_expiry import without_expired
from broker.store.entity_filter import BoxSql, Sql, Where
from broker.store.entity_lookup import Lookup
from broker.store.entity_rows import Entity
from broker.store.text import storable

COLUMNS = "e.id, e.entity, e.created_at, e.modified_at, e.version, e.next_expiry <= now() AS stale"
_NEARBY = 4000
"""Boxes in an area from which on entities are looked at in order of id, each whether it is there."""

_BLOCK = 1000
"""Entities that are looked at together, once the first ones were not enough."""


@dataclass(frozen=True, slots=True)
class StoredEntity:
    """`entity`: normalized, names as IRIs; its attributes have createdAt and modifiedAt, the entity itself has not."""

    id: str
    entity: Entity
    created_at: datetime
    modified_at: datetime
    version: int
    """Different for every state that was ever stored."""


async def nearby(connection: asyncpg.Connection, tenant: str, where: Where) -> Where:
    """A small area as the ids that are in it: the planner knows nothing of where boxes are, and so can't choose."""
    if where.area is None or where.ids is not None:
        return where
    sql = BoxSql(tenant, where.area, _NEARBY)
    found = await connection.fetch(sql.statement, *sql.arguments) if sql.possible else ()
    return where if len(found) == _NEARBY else replace(where, area=None, ids=sorted({row[0] for row in found}))


def page(sql: Sql, limit: int, offset: int) -> str:
    ordered = [f"SELECT {COLUMNS} FROM entities e WHERE {text} ORDER BY e.id" for text in sql.apart()]  # noqa: S608
    if len(ordered) > 1:
        most = sql.add(limit + offset)
        union = " UNION ALL ".join(f"({one} LIMIT {most})" for one in ordered)
        ordered = [f"{union} ORDER BY id"]
    return f"{ordered[0]} LIMIT {sql.add(limit)} OFFSET {sql.add(offset)}"


async def looked_up(
    connection: asyncpg.Connection, tenant: str, where: Where, after: str | None, most: int
) -> list[asyncpg.Record] | None:
    """The first `most`, by what keys tell; None if that is not enough."""
    lookup = await Lookup.make(connection, tenant, where, after) if storable(tenant + (after or "")) else None
    if lookup is None:
        return None
    rows: list[asyncpg.Record] = []
    wanted = most
    while len(rows) < most:
        ids = await lookup.next(connection, wanted)
        if ids is None:
            return None
        if not ids:
            break
        sql = Sql(tenant, replace(where, ids=ids, predicate=None if where.told else where.predicate))
        if sql.possible:
            rows += await connection.fetch(
                f"SELECT {COLUMNS} FROM entities e WHERE {sql.text} ORDER BY e.id LIMIT {sql.add(most - len(rows))}",  # noqa: S608
                *sql.arguments,
            )
        wanted = min(_BLOCK, wanted * 4)
    return rows


def stored(row: asyncpg.Record, now: datetime) -> StoredEntity:
    name, text, created_at, modified_at, version, stale = row
    entity: Entity = orjson.loads(text)
    if stale:
        entity = without_expired(entity, now)
    return StoredEntity(name, entity, created_at, modified_at, version)
