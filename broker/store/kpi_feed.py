"""The feed of figures and filings, in the order in which it is read; and what of it is still to be pushed to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import orjson

from broker.store.database import Database
from schemas.errors import AlreadyExists, NotFound

_WRITER, _LEADER = 0x4B50_4946_4545_4401, 0x4B50_4946_4545_4402
"""Keys of advisory locks: who numbers items, who publishes."""
_APPEND = """
    INSERT INTO kpi_feed (seq, at, kind, project, subject, day, body)
    SELECT (SELECT coalesce(max(seq), 0) FROM kpi_feed) + row_number() OVER (ORDER BY place), $1,
        kind, project, subject, day, body
    FROM unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::jsonb[])
        WITH ORDINALITY AS new (kind, project, subject, day, body, place)
    WHERE NOT EXISTS (
        SELECT FROM kpi_feed AS known WHERE (known.kind, known.project, known.subject, known.day)
            = (new.kind, new.project, new.subject, new.day)
    )
"""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """`kind`: daily, monthly, filed. `subject`: a KPI, or year and number of a filing. One of each for a day."""

    kind: str
    project: str
    subject: str
    day: date
    body: dict[str, Any]
    seq: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """Somebody to whom the feed is pushed; `secret` is sealed."""

    id: str
    url: str
    secret: bytes
    position: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    hook: str
    item: FeedItem
    attempts: int
    error: str


class KpiFeed:
    """Methods raise StoreUnavailable besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[bool]:
        """True for one process at a time."""
        async with self._database.connection() as connection:
            leads = await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER)
            try:
                yield bool(leads)
            finally:
                if leads:
                    await connection.execute("SELECT pg_advisory_unlock($1)", _LEADER)

    async def append(self, items: Iterable[FeedItem]) -> int:
        """What is there already is left as it is. How many were new."""
        given = list(items)
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _WRITER)
            done = await connection.execute(
                _APPEND,
                datetime.now(UTC),
                [one.kind for one in given],
                [one.project for one in given],
                [one.subject for one in given],
                [one.day for one in given],
                [orjson.dumps(one.body).decode() for one in given],
            )
        return int(done.rpartition(" ")[2])

    async def read(self, after: int, limit: int, projects: list[str] | None = None) -> list[FeedItem]:
        """Behind `after`, of these projects (None: all), in order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM kpi_feed WHERE seq > $1 AND ($3::text[] IS NULL OR project = ANY($3))"
                " ORDER BY seq LIMIT $2",
                *(after, limit, projects),
            )
        return [_item(row) for row in rows]

    async def has(self, kind: str, project: str, day: date) -> bool:
        async with self._database.connection() as connection:
            found = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM kpi_feed WHERE kind = $1 AND project = $2 AND day = $3)",
                *(kind, project, day),
            )
        return bool(found)

    async def hooks(self) -> list[Hook]:
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM kpi_hooks ORDER BY id")
        return [Hook(*(row[n] for n in ("id", "url", "secret", "position", "created_at"))) for row in rows]

    async def add_hook(self, hook: str, url: str, secret: bytes, *, since: int | None) -> None:
        """It gets what comes behind `since`; None: only what is new from now on. AlreadyExists."""
        async with self._database.transaction() as connection:
            try:
                await connection.execute(
                    "INSERT INTO kpi_hooks (id, url, secret, position, created_at) VALUES ($1, $2, $3,"
                    " coalesce($4, (SELECT coalesce(max(seq), 0) FROM kpi_feed)), $5)",
                    *(hook, url, secret, since, datetime.now(UTC)),
                )
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"There is a hook {hook} already.", field="id") from None

    async def remove_hook(self, hook: str) -> None:
        """With what was still to be delivered. NotFound."""
        async with self._database.connection() as connection:
            if not await connection.fetchval("DELETE FROM kpi_hooks WHERE id = $1 RETURNING true", hook):
                raise NotFound(f"There is no hook {hook}.", field="hook", value=hook)

    async def enqueue(self) -> None:
        """What hooks have not been told of becomes due."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT FROM kpi_hooks FOR UPDATE")
            await connection.execute(
                "INSERT INTO kpi_deliveries (hook, seq, next_at) SELECT h.id, f.seq, now()"
                " FROM kpi_hooks AS h JOIN kpi_feed AS f ON f.seq > h.position ON CONFLICT DO NOTHING"
            )
            await connection.execute("UPDATE kpi_hooks SET position = (SELECT coalesce(max(seq), 0) FROM kpi_feed)")

    async def due(self, limit: int = 100) -> list[Delivery]:
        return await self._deliveries("NOT dead AND next_at <= now()", limit)

    async def dead(self, hook: str, limit: int = 1000) -> list[Delivery]:
        """What was given up on."""
        return await self._deliveries("dead AND hook = $2", limit, hook)

    async def delivered(self, one: Delivery) -> None:
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM kpi_deliveries WHERE hook = $1 AND seq = $2", one.hook, one.item.seq)

    async def failed(self, one: Delivery, error: str, *, after: timedelta, dead: bool) -> None:
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE kpi_deliveries SET attempts = attempts + 1, error = $3, dead = $4, next_at = now() + $5"
                " WHERE hook = $1 AND seq = $2",
                *(one.hook, one.item.seq, error[:500], dead, after),
            )

    async def revive(self, hook: str) -> int:
        """Dead letters are due again. How many."""
        async with self._database.connection() as connection:
            done = await connection.execute(
                "UPDATE kpi_deliveries SET dead = false, attempts = 0, next_at = now() WHERE hook = $1 AND dead", hook
            )
        return int(done.rpartition(" ")[2])

    async def _deliveries(self, where: str, limit: int, *arguments: str) -> list[Delivery]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT d.hook, d.attempts, d.error, f.* FROM kpi_deliveries AS d JOIN kpi_feed AS f USING (seq)"  # noqa: S608
                f" WHERE {where} ORDER BY f.seq, d.hook LIMIT $1",
                *(limit, *arguments),
            )
        return [Delivery(row["hook"], _item(row), row["attempts"], row["error"]) for row in rows]


def _item(row: asyncpg.Record) -> FeedItem:
    return FeedItem(
        row["kind"], row["project"], row["subject"], row["day"], orjson.loads(row["body"]), row["seq"], row["at"]
    )
