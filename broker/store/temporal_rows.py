"""Instances of attributes as rows of `temporal_values`, written by COPY. Pure, but for `write`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from broker.store.text import require_key, require_storable
from schemas.errors import BadRequestData
from schemas.flow import uuid7
from schemas.ngsi_ld.temporal import Instance

COLUMNS = (
    *("tenant", "entity", "attribute", "dataset", "instance", "time"),
    *("observed_at", "created_at", "modified_at", "deleted_at", "body"),
)
Row = tuple[str, str, str, str, UUID, datetime, datetime | None, datetime, datetime, datetime | None, str]

_HEAD = """
INSERT INTO temporal_entities AS t (tenant, id, types, created_at, modified_at, deleted_at)
SELECT $1, id, ARRAY(SELECT jsonb_array_elements_text(types)), $4, $4,
    CASE WHEN id = ANY($5::text[]) THEN $4::timestamptz END
FROM unnest($2::text[], $3::jsonb[]) AS given (id, types)
ON CONFLICT (tenant, id) DO UPDATE SET modified_at = excluded.modified_at,
    deleted_at = CASE WHEN $5::text[] IS NULL THEN t.deleted_at ELSE excluded.deleted_at END, types =
    CASE WHEN t.types @> excluded.types THEN t.types
    ELSE ARRAY(SELECT DISTINCT unnest(t.types || excluded.types) ORDER BY 1) END
RETURNING xmax = 0 AS fresh"""


def row(tenant: str, entity: str, instance: Instance, now: datetime) -> Row:
    """Raises BadRequestData for what no row can hold."""
    require_key(instance.attribute, instance.attribute)
    require_key(instance.dataset, "datasetId")
    return (
        tenant,
        entity,
        instance.attribute,
        instance.dataset,
        uuid7(),
        filed(instance, now),
        instance.observed_at,
        now,
        now,
        instance.deleted_at,
        body_text(instance),
    )


def filed(instance: Instance, now: datetime) -> datetime:
    """The time that an instance is filed under."""
    return instance.observed_at or instance.deleted_at or now


def body_text(instance: Instance) -> str:
    """Raises BadRequestData."""
    try:
        return orjson.dumps(instance.body).decode()
    except TypeError as error:
        raise BadRequestData(f"It can't be stored: {error}.", field=instance.attribute) from None


async def write(
    connection: asyncpg.Connection,
    tenant: str,
    heads: Sequence[tuple[str, Collection[str]]],
    rows: Iterable[Row],
    now: datetime,
    *,
    gone: Collection[str] | None = None,
) -> list[bool]:
    """Add instances to the evolutions of `heads` (ids in order, each once, with their types), making those that are
    not there; for each whether it was made. Within the caller's transaction. `gone`: those whose entities are no more
    from now on, while the others are there; None: nothing is said of that."""
    for name, types in heads:
        require_key(name, "id")
        for one in types:
            require_storable(one, "type")
    made = await connection.fetch(
        _HEAD,
        tenant,
        [name for name, _ in heads],
        [orjson.dumps(sorted(types)).decode() for _, types in heads],
        now,
        None if gone is None else sorted(gone),
    )
    await copy(connection, rows)
    return [one["fresh"] for one in made]


async def copy(connection: asyncpg.Connection, rows: Iterable[Row]) -> None:
    """Write rows of evolutions that are there. Raises BadRequestData."""
    records: list[Any] = list(rows)
    if not records:
        return
    try:
        await connection.copy_records_to_table("temporal_values", records=records, columns=COLUMNS)
    except (asyncpg.DataError, asyncpg.ProgramLimitExceededError, asyncpg.StatementTooComplexError) as error:
        raise BadRequestData(f"The database can't hold this: {error}.") from error
