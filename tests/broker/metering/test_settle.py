"""What was acknowledged is in the database exactly once; what could not be is said at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from broker.metering.settle import Settler
from broker.store.database import Database
from schemas.errors import IdempotencyConflict, MeteringUnavailable
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.idempotency import IdempotencyKey
from tests.broker.metering.flowmaker import PROVIDERS, claim, flows, stored


@pytest.fixture
async def settler(database_url: str):
    settler = await Settler.start(database_url, budget=5.0)
    yield settler
    await settler.drain()


async def test_thousands_at_once_are_all_there_exactly_once(settler: Settler, database: Database) -> None:
    requests = [flows() for _ in range(3000)]

    async def client(mine: list[list[Flow]]) -> None:
        for one in mine:
            await settler.settle(one)

    await asyncio.gather(*(client(requests[i::100]) for i in range(100)))
    assert await stored(database) == Counter(flow.id for one in requests for flow in one)
    assert (settler.requests, settler.flows, settler.failed, settler.pending) == (3000, 9000, 0, 0)
    assert settler.commits < 3000


async def test_everything_of_a_flow_is_kept(settler: Settler, database: Database) -> None:
    consumer = Consumer("nav", "org", "project", None, batch=True)
    flow = Flow(
        uuid7(), uuid7(), datetime(2026, 11, 22, 1, 2, 3, 456789, UTC), "retrieve", consumer, PROVIDERS[0],
        ("urn:a", "urn:b"), 7, 2**40, "partial", 12.25, cache_hit=True, agreement="a1", agreement_version=3,
        idempotency_key="k",
    )  # fmt: skip
    await settler.settle([flow])
    async with database.connection() as connection:
        row = dict(await connection.fetchrow("SELECT * FROM flows"))
    assert row.pop("txid") > 0
    assert row.pop("seq") > 0
    assert row == {
        "id": flow.id, "request": flow.request, "time": flow.time, "operation": "retrieve", "batch": True,
        "service": "nav", "organisation": "org", "project": "project", "consumer_area": None,
        "platform": "urn:platform:otemachi", "provider_organisation": "org-otemachi", "provider_area": "otemachi",
        "types": ["urn:a", "urn:b"], "entities": 7, "bytes": 2**40, "outcome": "partial", "latency_ms": 12.25,
        "cache_hit": True, "cross_area": True, "agreement": "a1", "agreement_version": 3, "replay_of": None,
        "idempotency_key": "k",
    }  # fmt: skip


async def test_cross_area_is_as_the_flow_says(settler: Settler, database: Database) -> None:
    homes = ["otemachi", "toyosu", None]
    areas = ["otemachi", None]
    made = [
        replace(flows(1)[0], id=uuid7(), consumer=Consumer("s", area=home), provider=Provider("p", area=area))
        for home in homes
        for area in areas
    ]  # fmt: skip
    for flow in made:
        await settler.settle([flow])
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT id, cross_area FROM flows")
    assert {row["id"]: row["cross_area"] for row in rows} == {flow.id: flow.cross_area for flow in made}


async def test_nothing_to_settle_needs_no_database(settler: Settler) -> None:
    assert await settler.settle([]) is None
    assert settler.commits == 0


@pytest.mark.parametrize("ill", ["a\0b", "lone \ud800 surrogate"])
async def test_an_ill_row_harms_nobody(settler: Settler, database: Database, ill: str) -> None:
    good = [flows() for _ in range(20)]
    by_type = flows(types=(ill,))
    by_service = flows(consumer=Consumer(ill))
    too_big = flows(1)
    too_big[0].bytes = 2**70
    results = await asyncio.gather(
        *(settler.settle(one) for one in [*good, by_type, by_service, too_big]), return_exceptions=True
    )
    assert results[:-1] == [None] * 22
    assert isinstance(results[-1], MeteringUnavailable)
    assert await stored(database) == Counter(flow.id for one in [*good, by_type, by_service] for flow in one)


async def test_a_client_that_left_is_no_trouble(settler: Settler, database: Database) -> None:
    left = asyncio.create_task(settler.settle(flows()))
    await asyncio.sleep(0)
    left.cancel()
    stayed = flows()
    await settler.settle(stayed)
    assert {flow.id for flow in stayed} <= set(await stored(database))


async def test_drain_settles_what_waits_and_then_refuses(database_url: str, database: Database) -> None:
    settler = await Settler.start(database_url, budget=5.0)
    requests = [flows() for _ in range(200)]
    waiting = [asyncio.create_task(settler.settle(one)) for one in requests]
    await asyncio.sleep(0)
    await settler.drain()
    assert await asyncio.gather(*waiting) == [None] * 200
    assert await stored(database) == Counter(flow.id for one in requests for flow in one)
    with pytest.raises(MeteringUnavailable):
        await settler.settle(flows())


# --- Idempotency-Key -------------------------------------------------------------------------------------------------


async def test_a_replay_is_recorded_as_one(settler: Settler, database: Database) -> None:
    first, again = flows(), flows()
    assert await settler.settle(first, key=claim(first, "k")) is None
    assert await settler.settle(again, key=claim(again, "k")) == first[0].request
    assert {flow.replay_of for flow in again} == {first[0].request}
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT request, replay_of, idempotency_key FROM flows")
    assert {(row["request"], row["replay_of"], row["idempotency_key"]) for row in rows} == {
        (first[0].request, None, "k"),
        (again[0].request, first[0].request, "k"),
    }
    assert settler.replays == 1


async def test_another_request_under_the_same_key_is_refused_alone(settler: Settler, database: Database) -> None:
    first, other, bystander, keyed = flows(), flows(), flows(), flows()
    await settler.settle(first, key=claim(first, "k"))
    results = await asyncio.gather(
        settler.settle(bystander),
        settler.settle(other, key=claim(other, "k", b"\2" * 32)),
        settler.settle(keyed, key=claim(keyed, "other")),
        return_exceptions=True,
    )
    assert isinstance(results[1], IdempotencyConflict)
    assert results[::2] == [None, None]
    assert await stored(database) == Counter(flow.id for one in (first, bystander, keyed) for flow in one)
    assert settler.conflicts == 1


async def test_the_same_key_twice_in_one_batch(settler: Settler) -> None:
    first, second, unlike = flows(), flows(), flows()
    results = await asyncio.gather(
        settler.settle(first, key=claim(first, "k")),
        settler.settle(second, key=claim(second, "k")),
        settler.settle(unlike, key=claim(unlike, "k", b"\2" * 32)),
        return_exceptions=True,
    )
    assert results[:2] == [None, first[0].request]
    assert isinstance(results[2], IdempotencyConflict)
    assert settler.commits == 1


async def test_keys_are_their_clients_own(settler: Settler) -> None:
    mine, theirs = flows(), flows()
    await settler.settle(mine, key=claim(mine, "k"))
    assert await settler.settle(theirs, key=IdempotencyKey("other", "k", b"\2" * 32, theirs[0].request)) is None


async def test_an_expired_key_is_claimed_anew(settler: Settler, database: Database) -> None:
    first, second, third = flows(), flows(), flows()
    await settler.settle(first, key=claim(first, "k"))
    async with database.connection() as connection:
        days = await connection.fetchval("SELECT extract(epoch FROM expires - now()) / 86400 FROM idempotency")
        await connection.execute("UPDATE idempotency SET expires = now() - interval '1 second'")
    assert 6.9 < days <= 7
    assert await settler.settle(second, key=claim(second, "k", b"\2" * 32)) is None
    assert await settler.settle(third, key=claim(third, "k", b"\2" * 32)) == second[0].request


async def test_a_key_without_flows_is_claimed_all_the_same(settler: Settler) -> None:
    first, second = uuid7(), uuid7()
    assert await settler.settle([], key=IdempotencyKey("nav", "k", b"1", first)) is None
    assert await settler.settle([], key=IdempotencyKey("nav", "k", b"1", second)) == first


async def test_two_workers_race_for_the_same_keys(database_url: str, database: Database) -> None:
    workers = [await Settler.start(database_url, budget=10.0, patience=10.0) for _ in range(2)]
    keys = [f"k{i}" for i in range(60)]
    tries: list[tuple[str, list[Flow]]] = [(key, flows(1)) for key in keys for _ in range(6)]

    async def client(number: int) -> list[tuple[str, UUID, UUID | None]]:
        mine = tries[number::12]
        mine = mine if number % 2 else mine[::-1]
        return [(key, of[0].request, await workers[number % 2].settle(of, key=claim(of, key))) for key, of in mine]

    answers = [answer for part in await asyncio.gather(*map(client, range(12))) for answer in part]
    owners = {key: request for key, request, replay in answers if replay is None}
    assert sorted(key for key, _, replay in answers if replay is None) == sorted(keys)
    assert all(replay == owners[key] for key, _, replay in answers if replay is not None)
    assert await stored(database) == Counter(of[0].id for _, of in tries)
    for worker in workers:
        await worker.drain()
