"""The statements that write entities and their boxes, within somebody's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import orjson

from broker.store.entity_rows import Row
from schemas.errors import BadRequestData

_UPSERT = """
INSERT INTO entities AS e (tenant, id, types, entity, created_at, modified_at, expires_at, next_expiry)
SELECT $1, id, ARRAY(SELECT jsonb_array_elements_text(types)), entity, born, $6, expires, next
FROM unnest($2::text[], $3::jsonb[], $4::jsonb[], $5::timestamptz[], $7::timestamptz[], $8::timestamptz[])
    AS given (id, types, entity, born, expires, next)
ON CONFLICT (tenant, id) DO UPDATE SET types = excluded.types, entity = excluded.entity,
    created_at = excluded.created_at, modified_at = excluded.modified_at, version = excluded.version,
    expires_at = excluded.expires_at, next_expiry = excluded.next_expiry
RETURNING id, xmax = 0 AS fresh"""

_BOXES = """
INSERT INTO entity_boxes (tenant, id, attribute, bounds)
SELECT $1, id, attribute, box(point(west, south), point(east, north))
FROM unnest($2::text[], $3::text[], $4::float8[], $5::float8[], $6::float8[], $7::float8[])
    AS given (id, attribute, west, south, east, north)"""


async def store_rows(
    connection: asyncpg.Connection,
    tenant: str,
    rows: Sequence[Row],
    born: Sequence[datetime],
    now: datetime,
    known: Sequence[str],
) -> set[str]:
    """Write the rows, in order of id, and their boxes; the ids of those that were not there. `born`: createdAt of each;
    `known`: ids that have rows already. Raises `BadRequestData` for what the database can't hold."""
    try:
        stored = await connection.fetch(
            _UPSERT,
            tenant,
            [row.id for row in rows],
            [orjson.dumps(row.types).decode() for row in rows],
            [row.text for row in rows],
            born,
            now,
            [row.expires_at for row in rows],
            [row.next_expiry for row in rows],
        )
    except (asyncpg.DataError, asyncpg.ProgramLimitExceededError, asyncpg.StatementTooComplexError) as error:
        raise BadRequestData(f"The database can't hold this: {error}.") from error
    if known:
        await connection.execute("DELETE FROM entity_boxes WHERE tenant = $1 AND id = ANY($2)", tenant, known)
    boxes = [(row.id, attribute, *bounds) for row in rows for attribute, bounds in row.boxes]
    if boxes:
        await connection.execute(_BOXES, tenant, *map(list, zip(*boxes, strict=True)))
    return {row["id"] for row in stored if row["fresh"]}


async def delete_rows(connection: asyncpg.Connection, tenant: str, ids: Sequence[str]) -> None:
    """Take entities and their boxes away. The caller holds the rows."""
    await connection.execute("DELETE FROM entities WHERE tenant = $1 AND id = ANY($2)", tenant, ids)
    await connection.execute("DELETE FROM entity_boxes WHERE tenant = $1 AND id = ANY($2)", tenant, ids)
