"""Events enter with what they tell of, or not at all."""

from __future__ import annotations

import pytest

from broker.store.database import Database
from broker.store.ledger_events import enter


async def test_an_event_keeps_its_canonical_bytes(database: Database) -> None:
    async with database.connection() as connection:
        event = await enter(connection, "agreement.approved", "a1", "toyosu", {"b": 1.0, "a": "協定", "c": [True]})
        row = await connection.fetchrow("SELECT * FROM ledger_events")
    assert (row["id"], row["kind"], row["subject"], row["actor"]) == (event, "agreement.approved", "a1", "toyosu")
    assert row["body"] == '{"a":"協定","b":1,"c":[true]}'.encode()


async def test_it_goes_with_its_transaction(database: Database) -> None:
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await enter(connection, "kpi.agreed", "k1", "secretariat", {})
        await transaction.rollback()
        assert await connection.fetchval("SELECT count(*) FROM ledger_events") == 0


async def test_what_has_no_canonical_form_is_refused(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(ValueError):
            await enter(connection, "kpi.agreed", "k1", "secretariat", {"rate": float("nan")})
        assert await connection.fetchval("SELECT count(*) FROM ledger_events") == 0
