"""A local store of many entities in 50 types, written by COPY into a private PostgreSQL: what `store` measures."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from broker.store.database import connect
from broker.store.entity_fill import fill as fill_keys
from broker.store.entity_rows import Row, make_row
from broker.store.migrate import migrate
from schemas.ngsi_ld.context import CORE

TYPES = 50
WARDS = 100
WEST, SOUTH, EAST, NORTH = 139.56, 35.52, 139.92, 35.82
NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
YEAR_MS = 365 * 86_400_000
_STATES = ("open", "closed", "full", "unknown", "planned")
_LINES = 1000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ENTITIES = ("tenant", "id", "types", "entity", "created_at", "modified_at")
_BOXES = ("tenant", "id", "attribute", "bounds")


def entity(n: int, dice: random.Random, *, expanded: bool = True) -> dict[str, Any]:
    """Entity `n`; of type `n % TYPES`. `expanded`: names as IRIs, as they are stored."""

    def name(term: str) -> str:
        return CORE.expand(term) if expanded else term

    kind = n % TYPES
    place = [round(dice.uniform(WEST, EAST), 6), round(dice.uniform(SOUTH, NORTH), 6)]
    return {
        "id": uri(n),
        "type": name(f"Kind{kind:02}"),
        name("title"): {"type": "Property", "value": f"施設 {n}"},
        name("code"): {"type": "Property", "value": f"C-{n:07}"},
        name("ward"): {"type": "Property", "value": f"ward-{dice.randrange(WARDS):02}"},
        name("state"): {"type": "Property", "value": dice.choice(_STATES)},
        name("capacity"): {"type": "Property", "value": dice.randrange(1000), "unitCode": "C62"},
        name("managedBy"): {"type": "Relationship", "object": f"urn:ngsi-ld:Organization:{dice.randrange(500)}"},
        name("spot"): {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}},
    }


def uri(n: int) -> str:
    """Ids begin with the type, as is the custom: those of one type stand together in the order of ids."""
    return f"urn:ngsi-ld:Kind{n % TYPES:02}:{n:07}"


async def fill(url: str, count: int) -> None:
    """Migrate the database and write `count` entities of the default tenant; statistics are brought up to date."""
    await migrate(url)
    connection = await connect(url)
    try:
        await connection.execute("SET maintenance_work_mem = '1GB'")
        # Filling an index row by row takes several times as long as making it anew.
        indexes = await connection.fetch(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = ANY(ARRAY['entities', 'entity_boxes']::regclass[]) AND NOT indisprimary"
        )
        for index, _ in indexes:
            await connection.execute(f"DROP INDEX {index}")
        boxes: list[str] = []
        await _copy(connection, "entities", _ENTITIES, _entity_lines(count, boxes))
        await _copy(connection, "entity_boxes", _BOXES, iter(boxes))
        for _, definition in indexes:
            await connection.execute(definition)
        async with connection.transaction():
            await fill_keys(connection)
        await connection.execute("INSERT INTO local_types SELECT DISTINCT tenant, unnest(types) FROM entities")
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _copy(connection: asyncpg.Connection, table: str, columns: tuple[str, ...], lines: Iterator[str]) -> None:
    async def batches() -> AsyncIterator[bytes]:
        batch: list[str] = []
        for line in lines:
            batch.append(line)
            if len(batch) >= _LINES:
                yield "".join(batch).encode()
                batch.clear()
        yield "".join(batch).encode()

    await connection.copy_to_table(table, source=batches(), columns=columns)


def _entity_lines(count: int, boxes: list[str]) -> Iterator[str]:
    dice = random.Random(7)
    for n in range(count):
        # Their order in time is none of the others.
        now = NEWEST - timedelta(milliseconds=dice.randrange(YEAR_MS))
        row = make_row(entity(n, dice), None, now)
        boxes += _box_lines(row)
        types = "{" + ",".join(f'"{one}"' for one in row.types) + "}"
        yield _line("", row.id, types, row.text, now.isoformat(), now.isoformat())


def _box_lines(row: Row) -> Iterator[str]:
    for attribute, (west, south, east, north) in row.boxes:
        yield _line("", row.id, attribute, f"({east},{north}),({west},{south})")


def _line(*fields: str) -> str:
    return "\t".join(field.translate(_ESCAPES) for field in fields) + "\n"
