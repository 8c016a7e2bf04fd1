"""Upkeep of the temporal values: a partition for each of the coming months."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import structlog

from broker.store.database import Database

_LOCK = 0x4B414B45_54454D50
"""Key of the advisory lock under which one process at a time does this ("KAKETEMP")."""
_log = structlog.get_logger(__name__)


async def temporal_upkeep(database: Database, *, now: datetime | None = None, ahead: int = 3) -> None:
    """Partitions for this month and the next `ahead`. At start and then now and again; any number of processes may.
    Raises StoreUnavailable."""
    at = (now or datetime.now(UTC)).astimezone(UTC)
    month = at.year * 12 + at.month - 1
    async with database.connection() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            return
        try:
            for step in range(ahead + 1):
                await _partition(connection, month + step)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _partition(connection: asyncpg.Connection, month: int) -> None:
    """`month`: months since the year 0."""
    name = f"temporal_values_{month // 12:04}_{month % 12 + 1:02}"
    if await connection.fetchval("SELECT to_regclass($1)", name) is not None:
        return
    first, last = (f"{m // 12:04}-{m % 12 + 1:02}-01 00:00:00+00" for m in (month, month + 1))
    try:
        await _attach(connection, name, first, last)
    except asyncpg.LockNotAvailableError:
        _log.warning("partition not made yet: the table is in use", partition=name)


async def _attach(connection: asyncpg.Connection, name: str, first: str, last: str) -> None:
    """What lies in the default partition already moves along, with everyone kept out meanwhile: a reader that has
    looked up the partitions just before would find it in neither."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '1s'")
        await connection.execute("LOCK TABLE temporal_values IN ACCESS EXCLUSIVE MODE")
        await connection.execute(f"CREATE TABLE {name} (LIKE temporal_values INCLUDING DEFAULTS)")
        await connection.execute(
            f"WITH moved AS (DELETE FROM temporal_values_default WHERE time >= '{first}' AND time < '{last}'"  # noqa: S608
            f" RETURNING *) INSERT INTO {name} SELECT * FROM moved"
        )
        await connection.execute(
            f"ALTER TABLE temporal_values ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{last}')"
        )
