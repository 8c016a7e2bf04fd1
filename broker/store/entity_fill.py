"""Making the keys of all stored entities: after the migration that brings their table, and when keys are made anew."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

import asyncpg
import orjson
import structlog

from broker.store.entity_lanes import Lanes, keyed
from schemas.ngsi_ld.sort_key import SCHEME

_BATCH: Final = 2000
_log = structlog.get_logger(__name__)
_Row: TypeAlias = tuple[str, str, datetime, datetime]


async def keyed_already(connection: asyncpg.Connection) -> bool:
    """Whether the keys that are stored are those that this version makes."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT 1 FROM entity_keys WHERE scheme = $1)", SCHEME))


async def fill(connection: asyncpg.Connection) -> None:
    """Make all keys, in one transaction of the caller: whole or not at all.

    Until its end entities are read as before, and whoever writes one waits: about two minutes for a million entities.
    """
    await connection.execute("LOCK TABLE entities IN SHARE MODE")
    if await connection.fetchval("SELECT EXISTS (SELECT 1 FROM entities)"):
        _log.info("entity_keys_made_anew", scheme=SCHEME)
        # An index that is made of all rows at once takes a fraction of the time, and of the room.
        await connection.execute("ALTER TABLE entity_values DROP CONSTRAINT entity_values_order")
        await connection.execute("TRUNCATE entity_values")
        await _copy(connection)
        await connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        await connection.execute(
            "ALTER TABLE entity_values ADD CONSTRAINT entity_values_order PRIMARY KEY (lane, key, id)"
        )
        await connection.execute("ANALYZE entity_values")
        await connection.execute("ANALYZE entity_lanes")
    await connection.execute("DELETE FROM entity_keys")
    await connection.execute("INSERT INTO entity_keys VALUES ($1)", SCHEME)


async def _copy(connection: asyncpg.Connection) -> None:
    lanes = Lanes()
    rows = connection.cursor(
        "SELECT tenant, entity, created_at, modified_at FROM entities ORDER BY tenant, id", prefetch=_BATCH
    )
    batch: list[_Row] = []
    async for row in rows:
        if len(batch) >= _BATCH or (batch and batch[0][0] != row[0]):
            await _enter(connection, lanes, batch)
            batch = []
        batch.append(tuple(row))
    if batch:
        await _enter(connection, lanes, batch)


async def _enter(connection: asyncpg.Connection, lanes: Lanes, batch: list[_Row]) -> None:
    """Rows of one tenant."""
    found = [keyed(orjson.loads(text), created_at, modified_at) for _, text, created_at, modified_at in batch]
    places = await lanes.places(connection, batch[0][0], found)
    await connection.copy_records_to_table("entity_values", records=places, columns=("lane", "key", "id"))
