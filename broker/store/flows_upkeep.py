"""Upkeep of the metering tables: partitions ahead, expired Idempotency-Keys away, a restored dump in order."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import structlog

from broker.store.database import Database
from broker.store.usage_rollup import forget

_LOCK = 0x4B414B45_464C4F57
"""Key of the advisory lock under which one process at a time does this ("KAKEFLOW")."""
_log = structlog.get_logger(__name__)


async def upkeep(database: Database, *, now: datetime | None = None, ahead: int = 3) -> None:
    """Everything that the tables need now and for the next `ahead` months. At start and then, say, every hour; any
    number of processes may. Raises StoreUnavailable.
    """
    at = (now or datetime.now(UTC)).astimezone(UTC)
    months = [at.year * 12 + at.month - 1 + step for step in range(ahead + 1)]
    async with database.connection() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            return
        try:
            for month in months:
                await _partition(connection, month)
            await _renumber(connection)
            await _sweep(connection)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _partition(connection: asyncpg.Connection, month: int) -> None:
    """`month`: months since the year 0. What has gone to the default partition meanwhile moves along."""
    name = f"flows_{month // 12:04}_{month % 12 + 1:02}"
    if await connection.fetchval("SELECT to_regclass($1)", name) is not None:
        return
    first, last = (f"{m // 12:04}-{m % 12 + 1:02}-01 00:00:00+00" for m in (month, month + 1))
    try:
        try:
            await _attach(connection, name, first, last, move=False)
        except asyncpg.CheckViolationError:
            await _attach(connection, name, first, last, move=True)
    except asyncpg.LockNotAvailableError:
        _log.warning("partition not made yet: the table is in use", partition=name)


async def _attach(connection: asyncpg.Connection, name: str, first: str, last: str, *, move: bool) -> None:
    """Attached, not created in place, a partition lets writers into the others go on.

    `move`: flows of this month lie in the default partition. Readers and writers are kept out while they move, as a
    reader that has looked up the partitions just before would find the flows in neither.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '1s'")
        if move:
            await connection.execute("LOCK TABLE flows IN ACCESS EXCLUSIVE MODE")
        await connection.execute(f"CREATE TABLE {name} (LIKE flows INCLUDING DEFAULTS)")
        if move:
            await connection.execute(
                f"WITH moved AS (DELETE FROM flows_default WHERE time >= '{first}' AND time < '{last}' RETURNING *)"  # noqa: S608
                f" INSERT INTO {name} SELECT * FROM moved"
            )
        await connection.execute(f"ALTER TABLE flows ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{last}')")


async def _renumber(connection: asyncpg.Connection) -> None:
    """Flows that were restored from a dump bring transaction numbers of another server. Such as this server has not
    reached would stay hidden until it has; they go to the beginning, where `seq` keeps them in order.
    """
    async with connection.transaction():
        moved = await connection.execute(
            "UPDATE flows SET txid = '3' WHERE txid >= pg_snapshot_xmax(pg_current_snapshot())"
        )
        if moved != "UPDATE 0":
            await forget(connection)
    if moved != "UPDATE 0":
        _log.warning("restored flows renumbered", result=moved)


async def _sweep(connection: asyncpg.Connection) -> None:
    """In small pieces, so that nobody who claims a key waits for long."""
    swept = "DELETE 1"
    while swept != "DELETE 0":
        swept = await connection.execute(
            "DELETE FROM idempotency WHERE (client, key) IN (SELECT client, key FROM idempotency"
            " WHERE expires < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)"
        )
