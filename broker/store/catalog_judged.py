"""The quality that is stored with datasets, judged anew as days pass and links break."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import asyncpg

from broker.store.database import Database
from catalog.indexing import usable
from catalog.quality import Findings, quality
from schemas.dataset import decode

_BATCH = 500
DUPLICATE = """EXISTS (SELECT FROM catalog_datasets o WHERE o.title = d.title AND o.source = d.source
    AND o.publisher = d.publisher AND o.publisher <> '' AND o.id <> d.id AND NOT o.live)"""
"""The catalogue of `catalog_datasets d` has another one of its publisher and title; by the index of titles."""
_READ = f"""
SELECT d.id, d.document, d.score, EXISTS (SELECT FROM catalog_links l WHERE l.dataset = d.id AND NOT l.alive) AS broken,
    EXISTS (SELECT FROM catalog_links l WHERE l.dataset = d.id AND l.unreadable IS NOT NULL) AS unreadable,
    {DUPLICATE} AS duplicate
FROM catalog_datasets d"""  # noqa: S608
_WRITE = """
UPDATE catalog_datasets d SET score = g.score, usable = g.usable
FROM unnest($1::text[], $2::smallint[], $3::real[]) AS g (id, score, usable)
WHERE d.id = g.id AND d.score <> g.score"""
_TODAY = "(now() AT TIME ZONE 'Asia/Tokyo')::date"
_CLAIM = f"""
INSERT INTO catalog_chores (name, day, done) VALUES ('quality', {_TODAY}, 0)
ON CONFLICT (name) DO UPDATE SET day = excluded.day WHERE catalog_chores.day < excluded.day RETURNING day"""  # noqa: S608


async def rejudge(connection: asyncpg.Connection, ids: Sequence[str], today: date) -> int:
    """Judge some datasets again; how many changed."""
    rows = await connection.fetch(f"{_READ} WHERE d.id = ANY($1::text[])", list(ids))
    return await _judge(connection, rows, today)


async def rejudge_daily(database: Database) -> int | None:
    """Once a day for all workers: what was promised for yesterday is late today. How many changed; None if it was done.
    Raises `StoreUnavailable`."""
    async with database.connection() as connection:
        today = await connection.fetchval(_CLAIM)
    if today is None:
        return None
    changed, after = 0, ""
    while True:
        async with database.transaction() as connection:
            rows = await connection.fetch(f"{_READ} WHERE d.id > $1 ORDER BY d.id LIMIT {_BATCH}", after)
            changed += await _judge(connection, rows, today)
        if len(rows) < _BATCH:
            return changed
        after = rows[-1]["id"]


async def _judge(connection: asyncpg.Connection, rows: Sequence[asyncpg.Record], today: date) -> int:
    other: list[tuple[str, int, float]] = []
    for row in rows:
        dataset = decode(row["document"])
        score = quality(dataset, today, Findings(row["broken"], row["unreadable"], row["duplicate"])).score
        if score != row["score"]:
            other.append((row["id"], score, usable(dataset, score)))
    if other:
        await connection.execute(_WRITE, *(list(column) for column in zip(*other, strict=True)))
    return len(other)
