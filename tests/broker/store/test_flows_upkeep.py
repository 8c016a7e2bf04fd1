"""Partitions ahead of time, expired keys, and restored dumps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from broker.store.database import Database
from broker.store.flows import FlowFilter, read_flows
from broker.store.flows_upkeep import upkeep
from broker.store.flows_write import COLUMNS, row
from schemas.flow import Consumer, Flow, Provider, uuid7

NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)


def flow(time: datetime) -> Flow:
    return Flow(uuid7(), uuid7(), time, "query", Consumer("s"), Provider("p"), (), 1, 1, "ok", 1.0)


async def put(database: Database, *flows: Flow) -> None:
    async with database.connection() as connection:
        await connection.copy_records_to_table("flows", records=[row(one) for one in flows], columns=COLUMNS)


async def where(database: Database) -> dict[object, str]:
    async with database.connection() as connection:
        return dict(await connection.fetch("SELECT id, tableoid::regclass::text FROM flows"))


async def test_flows_go_to_their_months(database: Database) -> None:
    await upkeep(database, now=NOW)
    times = {
        "flows_2026_11": datetime(2026, 11, 30, 23, 59, 59, 999999, UTC),
        "flows_2026_12": datetime(2026, 12, 1, tzinfo=UTC),
        "flows_2027_01": datetime(2027, 1, 15, tzinfo=UTC),
        "flows_2027_02": datetime(2027, 2, 28, tzinfo=UTC),
        "flows_default": datetime(2031, 1, 1, tzinfo=UTC),
    }
    made = {name: flow(time) for name, time in times.items()}
    await put(database, *made.values())
    assert await where(database) == {one.id: name for name, one in made.items()}


async def test_upkeep_again_and_at_once_changes_nothing(database: Database) -> None:
    await asyncio.gather(*(upkeep(database, now=NOW) for _ in range(5)))
    await upkeep(database, now=NOW)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'flows'::regclass") == 5


async def test_flows_that_came_before_their_partition_move_into_it(database: Database) -> None:
    early, other = flow(NOW), flow(datetime(2020, 1, 1, tzinfo=UTC))
    await put(database, early, other)
    before = await read_flows(database, FlowFilter())
    await upkeep(database, now=NOW)
    assert await where(database) == {early.id: "flows_2026_11", other.id: "flows_default"}
    after = await read_flows(database, FlowFilter())
    assert (after.flows, after.cursor) == (before.flows, before.cursor)


async def test_only_expired_keys_are_swept(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO idempotency SELECT 's', n::text, '\\x00', gen_random_uuid(),"
            " now() + CASE WHEN n % 2 = 0 THEN interval '1 day' ELSE interval '-1 day' END"
            " FROM generate_series(1, 3000) n"
        )
        await upkeep(database)
        keys = [int(row["key"]) for row in await connection.fetch("SELECT key FROM idempotency")]
    assert sorted(keys) == list(range(2, 3001, 2))


async def test_a_restored_dump_is_readable_and_new_flows_come_behind_it(database: Database) -> None:
    """A dump carries the transaction numbers of the server that it was made on."""
    old = [flow(NOW) for _ in range(3)]
    await put(database, *old)
    async with database.connection() as connection:
        await connection.execute("UPDATE flows SET txid = '1099511627776'")
    assert (await read_flows(database, FlowFilter())).flows == []
    await upkeep(database, now=NOW)
    page = await read_flows(database, FlowFilter())
    assert [one.id for one in page.flows] == [one.id for one in old]
    new = flow(NOW)
    await put(database, new)
    assert (await read_flows(database, FlowFilter(), cursor=page.cursor)).flows == [new]
