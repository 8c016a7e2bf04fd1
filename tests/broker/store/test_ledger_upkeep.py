"""Of the checkpoints of past days the last of each hour stays, and the last that was cosigned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker.store.database import Database
from broker.store.ledger_upkeep import ledger_upkeep

HOUR = datetime(2026, 1, 1, 9, tzinfo=UTC)


async def test_checkpoints_are_thinned(database: Database) -> None:
    past = [(size, HOUR + timedelta(minutes=7 * size)) for size in range(1, 14)]
    recent = [(size, datetime.now(UTC)) for size in (20, 21)]
    async with database.connection() as connection:
        for size, time in past + recent:
            await connection.execute("INSERT INTO ledger_checkpoints VALUES ($1, '\\x00', $2, '')", size, time)
        for size in (2, 4):
            await connection.execute("INSERT INTO ledger_cosignatures VALUES ($1, 'w', now(), '')", size)
        await ledger_upkeep(database)
        kept = [row["size"] for row in await connection.fetch("SELECT size FROM ledger_checkpoints ORDER BY size")]
    # the first hour has 1 to 8, of which 4 is the last that was cosigned; the second 9 to 13
    assert kept == [4, 8, 13, 20, 21]
