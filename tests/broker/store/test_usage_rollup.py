"""The roll-ups equal the flows exactly, however these came in, and say so where they don't."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from broker.store.database import Database, connect
from broker.store.flows_upkeep import upkeep
from broker.store.flows_write import COLUMNS, row
from broker.store.usage_rollup import differences, mark, roll_up
from schemas.flow import Consumer, Flow, Provider, uuid7

TOKYO = timezone(timedelta(hours=9))
MIDNIGHT = datetime(2026, 11, 15, tzinfo=TOKYO).astimezone(UTC)
TABLES = (
    "flow_hourly", "flow_daily", "flow_monthly", "request_hourly", "request_daily", "request_monthly",
)  # fmt: skip


def made(chance: random.Random, requests: int) -> list[list[Flow]]:
    """Requests with their flows, around a midnight of Tokyo."""
    providers = [Provider(f"p{n}", f"o{n % 2}", area) for n, area in enumerate(("otemachi", "toyosu", None))]
    consumers = [Consumer("nav", "o", "x", "toyosu"), Consumer("etl", None, None, "otemachi", batch=True)]
    found = []
    for _ in range(requests):
        request, consumer = uuid7(), chance.choice(consumers)
        time = MIDNIGHT + timedelta(minutes=chance.randint(-200, 200), microseconds=chance.choice([0, -1]))
        types = chance.choice([(), ("urn:t:A",), ("urn:t:A", "urn:t:B,{}\"'")])
        replay = uuid7() if chance.random() < 0.1 else None
        found.append(
            [
                Flow(uuid7(), request, time, "query", consumer, provider, types, chance.choice([0, 1, 9]), 10, "ok", 1,
                     replay_of=replay)
                for provider in chance.sample(providers, chance.randint(1, 3))
            ]
        )  # fmt: skip
    return found


async def put(database: Database, flows: list[Flow]) -> None:
    async with database.connection() as connection:
        await connection.copy_records_to_table("flows", records=[row(one) for one in flows], columns=COLUMNS)


async def whole(database: Database) -> dict[str, Counter[Any]]:
    """The roll-ups with their keys written out, as ids depend on the order in which they were met."""
    keys = "SELECT jsonb_agg(to_jsonb(k) - 'id' - 'digest' ORDER BY k.digest) FROM usage_keys AS k WHERE k.id"
    async with database.connection() as connection:
        found = {}
        for table in TABLES:
            own = "= key" if table.startswith("flow") else "= ANY (s.keys)"
            join = "" if table.startswith("flow") else "JOIN usage_sets AS s ON s.id = keyset"
            rows = await connection.fetch(f"SELECT t.*, ({keys} {own})::text AS written FROM {table} AS t {join}")
            found[table] = Counter(
                tuple(value for name, value in one.items() if name not in ("key", "keyset")) for one in rows
            )
        return found


@pytest.mark.parametrize("seed", range(3))
async def test_in_parts_late_and_anew_give_the_same(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    flows = [one for request in made(chance, 300) for one in request]
    # parts that tear requests apart: what comes of one later is late
    chance.shuffle(flows)
    while flows:
        size = chance.randint(1, 400)
        part, flows = flows[:size], flows[size:]
        await put(database, part)
        done = await roll_up(database)
        assert done.added == len(part)
        assert await differences(database) == []
    in_parts = await whole(database)
    await roll_up(database, anew=True)
    assert await whole(database) == in_parts
    assert sum(in_parts["flow_daily"].values()) > 10


async def test_the_sums_are_the_naive_ones(database: Database) -> None:
    requests = made(random.Random(9), 200)
    flows = [one for request in requests for one in request]
    await put(database, flows)
    await roll_up(database)
    days = Counter(one.time.astimezone(TOKYO).date() for one in flows)
    async with database.connection() as connection:
        rolled = await connection.fetch("SELECT day, sum(flows)::int FROM flow_daily GROUP BY day")
        counted = await connection.fetch("SELECT day, sum(requests)::int FROM request_daily GROUP BY day")
        minutes = await connection.fetchval("SELECT sum(bit_count(minutes::bit(64))) FROM request_hourly")
        sets = await connection.fetch("SELECT id, keys FROM usage_sets")
    assert dict(map(tuple, rolled)) == days
    assert dict(map(tuple, counted)) == Counter(r[0].time.astimezone(TOKYO).date() for r in requests)
    assert set(days) == {date(2026, 11, 14), date(2026, 11, 15)}
    shapes = {
        (
            one[0].time.replace(second=0, microsecond=0),
            one[0].consumer,
            frozenset((f.provider, f.entities > 0, f.types, f.replay_of is None) for f in one),
        )
        for one in requests
    }
    assert minutes == len(shapes)
    assert len(sets) == len({shape[1:] for shape in shapes})


async def test_what_is_under_way_is_waited_for(database: Database, database_url: str) -> None:
    early, late = made(random.Random(1), 2)
    slow = await connect(database_url)
    try:
        await slow.execute("BEGIN; LOCK TABLE flows IN ROW EXCLUSIVE MODE")
        await slow.copy_records_to_table("flows", records=[row(one) for one in early], columns=COLUMNS)
        await put(database, late)
        assert (await roll_up(database)).added == 0
        await slow.execute("COMMIT")
        assert (await roll_up(database)).added == len(early) + len(late)
    finally:
        await slow.close()
    assert await differences(database) == []


async def test_several_at_once_count_nothing_twice(database: Database) -> None:
    flows = [one for request in made(random.Random(2), 100) for one in request]
    for start in range(0, len(flows), 20):
        await put(database, flows[start : start + 20])
        await asyncio.gather(*(roll_up(database) for _ in range(4)))
    assert await differences(database) == []


async def test_a_change_behind_its_back_is_found_and_marking_mends_it(database: Database) -> None:
    requests = made(random.Random(3), 50)
    await put(database, [one for request in requests for one in request])
    await roll_up(database)
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM flows WHERE request = $1", requests[0][0].request)
    assert len(await differences(database)) >= 1
    async with database.transaction() as connection:
        await mark(connection, [requests[0][0].time.astimezone(TOKYO).date()] * 2)
    await roll_up(database)
    assert await differences(database) == []


async def test_a_restored_dump_is_counted_from_the_beginning(database: Database) -> None:
    flows = [one for request in made(random.Random(4), 30) for one in request]
    await put(database, flows)
    async with database.connection() as connection:
        # as on another server, whose transactions had greater numbers
        await connection.execute("UPDATE flows SET txid = (txid::text::bigint + 1000000)::text::xid8")
        await connection.execute("UPDATE usage_progress SET below = 5000000000")
    await upkeep(database)
    assert (await roll_up(database)).added == len(flows)
    assert await differences(database) == []


async def test_what_has_gone_to_an_archive_stays_counted(database: Database) -> None:
    """October's flows leave the database; its roll-ups, and those of the day across its end, stay as they were."""
    flows = [one for request in made(random.Random(6), 60) for one in request]
    shift = datetime(2026, 10, 31, 15, tzinfo=UTC) - MIDNIGHT
    flows += [replace(one, id=uuid7(), request=uuid7(), time=one.time + shift) for one in flows]
    await put(database, flows)
    await roll_up(database)
    before = await whole(database)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM flows WHERE time < '2026-11-01T00:00:00Z'")
        await connection.execute(
            "INSERT INTO ledger_archives (month, file, sha256, entries, size, written, removed)"
            " VALUES ('2026-10-01', 'f', 's', 1, 1, now(), now())"
        )
    await roll_up(database, anew=True)
    assert await whole(database) == before
    assert await differences(database) == []


async def test_corrections_count_from_their_approval_on(database: Database) -> None:
    """What is approved (broker/store/corrections.py) marks its day; the roll-ups follow, and equal what counts."""
    request = next(r for r in made(random.Random(7), 20) if r[0].entities)
    await put(database, request)
    await roll_up(database)
    assert await differences(database) == []
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO corrections (id, flow, request, time, reason, state, requested_by, requested_at, decided_by,"
            " decided_at) VALUES ($1, $2, $3, $4, 'test', 'approved', 'a', now(), 'b', now())",
            *(uuid7(), request[0].id, request[0].request, request[0].time),
        )
        await mark(connection, [request[0].time.astimezone(TOKYO).date()])
    await roll_up(database)
    assert await differences(database) == []
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT sum(flows)::int FROM flow_daily") in (None, len(request) - 1)


async def test_nothing_is_counted_of_nothing(database: Database) -> None:
    assert (await roll_up(database)).added == 0
    await put(database, [replace(one, entities=0) for one in made(random.Random(5), 1)[0]])
    assert (await roll_up(database)).added >= 1
    assert await differences(database) == []
