"""Flows and events become numbered entries under a signed root, once each, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flowmaker import flows
from hypothesis import strategies as st

from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.store.database import Database, connect
from broker.store.ledger import _ENTRIES, Ledger
from broker.store.ledger_append import _ENTER_FLOWS, LedgerSession
from broker.store.ledger_events import enter
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.ledger.checkpoint import SignedCheckpoint, read_checkpoint
from schemas.ledger.entry import EventEntry, FlowEntry, canonical, read_entry
from schemas.ledger.note import VerifyingKey
from schemas.ledger.tree import consistent, included, leaf_hash

SEED = bytes(range(32))


def sequencer(url: str, *, seed: bytes = SEED, tick: float = 0.02, limit: int = 2000) -> Sequencer:
    return Sequencer(url, "test/ledger", lambda: [seed], tick=tick, limit=limit)


async def settle(url: str, *requests: list[Flow]) -> None:
    settler = await Settler.start(url, budget=5.0)
    await asyncio.gather(*(settler.settle(request) for request in requests))
    await settler.drain()


async def checkpoint(ledger: Ledger) -> SignedCheckpoint:
    latest = await ledger.latest()
    assert latest is not None
    read = read_checkpoint(latest.note)
    assert (read.checkpoint.size, read.checkpoint.root) == (latest.size, latest.root)
    assert read.note.signed_by((await ledger.keys())[-1][0])
    return read


async def whole(ledger: Ledger) -> list[FlowEntry | EventEntry]:
    """Every entry, after what can be checked of it was."""
    size = (await checkpoint(ledger)).checkpoint.size
    stored = await ledger.entries(0, size + 10)
    assert [one.seq for one in stored] == list(range(len(stored)))
    read = []
    for one in stored:
        assert one.text is not None
        assert leaf_hash(one.text) == one.leaf
        entry = read_entry(one.text)
        assert entry.seq == one.seq
        read.append(entry)
    return read


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_was_settled_is_in_it_once(database: Database, database_url: str) -> None:
    ledger = Ledger(database)
    requests = [flows() for _ in range(40)]
    await settle(database_url, *requests)
    async with database.transaction() as connection:
        await enter(connection, "agreement.approved", "a1", "toyosu", {"b": 1.5, "a": "協定"})
    await sequencer(database_url, limit=7).catch_up()
    entries = await whole(ledger)
    found = [UUID(entry.id) for entry in entries if isinstance(entry, FlowEntry)]
    assert sorted(found) == sorted(flow.id for request in requests for flow in request)
    events = [entry for entry in entries if isinstance(entry, EventEntry)]
    assert [event.event for event in events] == ["agreement.approved", "ledger.opened"]
    assert events[0].body == {"a": "協定", "b": 1.5}
    assert VerifyingKey.parse(events[1].body["key"]) == (await ledger.keys())[0][0]


async def test_proofs_lead_to_the_checkpoint(database: Database, database_url: str) -> None:
    ledger = Ledger(database)
    seen: list[tuple[int, bytes]] = []
    for count in (1, 3, 90, 200):
        await settle(database_url, *(flows() for _ in range(count)))
        await sequencer(database_url, limit=100).catch_up()
        latest = (await checkpoint(ledger)).checkpoint
        for size, root in seen:
            proof = await ledger.consistency(size, latest.size)
            assert consistent(size, root, latest.size, latest.root, proof)
        seen.append((latest.size, latest.root))
    size, root = seen[-1]
    assert size > 800
    stored = await ledger.entries(0, size)
    for index in (0, 1, 255, 256, 511, 600, size - 1):
        assert included(stored[index].leaf, index, size, await ledger.inclusion(index, size), root)


async def test_a_worker_takes_over(database: Database, database_url: str) -> None:
    ledger = Ledger(database)
    workers = [sequencer(database_url) for _ in range(3)]
    for worker in workers:
        worker.start()
    request = flows()
    await settle(database_url, request)

    async def entered() -> bool:
        return await ledger.find(request[0].id) is not None

    await until(entered)
    leader = next(worker for worker in workers if worker.leads)
    assert sum(worker.leads for worker in workers) == 1
    async with database.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    request = flows()
    await settle(database_url, request)
    await until(entered)
    for worker in (leader, *workers):
        await worker.stop()
    entries = await whole(ledger)
    assert len({entry.id for entry in entries}) == len(entries)


async def test_a_transaction_under_way_is_not_overtaken(database: Database, database_url: str) -> None:
    """Its number is lower than that of what is committed meanwhile, so it would come behind."""
    ledger = Ledger(database)
    running = sequencer(database_url)
    slow = await connect(database_url)
    first, second = flows(1)[0], flows(1)[0]
    transaction = slow.transaction()
    await transaction.start()
    try:
        await slow.execute("LOCK TABLE flows IN ROW EXCLUSIVE MODE")
        event = await enter(slow, "kpi.agreed", "k1", "secretariat", {})
        await slow.execute(
            "INSERT INTO flows (id, request, time, entities, bytes, latency_ms, operation, outcome, service, batch,"
            " platform, cross_area, types, cache_hit) VALUES ($1, $2, $3, 1, 1, 1, 'query', 'ok', 's', false, 'p',"
            " false, '{}', false)",
            first.id,
            first.request,
            first.time,
        )
        await settle(database_url, [second])
        running.start()

        async def leads() -> bool:
            return (running.leads and running.size > 0) or running.lag > 0.05

        await until(leads)
        assert await ledger.find(second.id) is None
        await transaction.commit()
    finally:
        await slow.close()

    async def both() -> bool:
        return None not in (await ledger.find(first.id), await ledger.find(second.id), await ledger.find(event))

    await until(both)
    assert (await ledger.find(first.id) or 0) < (await ledger.find(second.id) or 0)
    await running.stop()
    assert await ledger.waiting() is None
    await whole(ledger)


async def test_a_wrong_key_does_not_sign_but_numbers(database: Database, database_url: str) -> None:
    ledger = Ledger(database)
    await sequencer(database_url).catch_up()
    before = (await checkpoint(ledger)).checkpoint.size
    request = flows()
    await settle(database_url, request)
    await sequencer(database_url, seed=b"\1" * 32).catch_up()
    assert (await checkpoint(ledger)).checkpoint.size == before
    assert await ledger.find(request[0].id) is not None
    await sequencer(database_url).catch_up()
    assert (await checkpoint(ledger)).checkpoint.size == before + 3


async def test_a_tree_that_was_changed_is_not_gone_on_with(database: Database, database_url: str) -> None:
    await settle(database_url, *(flows() for _ in range(3)))
    await sequencer(database_url).catch_up()
    async with database.connection() as connection:
        with pytest.raises(Exception, match="only grows"):
            await connection.execute("UPDATE ledger_entries SET leaf = '\\x00' WHERE seq = 2")
        await connection.execute("ALTER TABLE ledger_entries DISABLE TRIGGER ALL")
        await connection.execute("UPDATE ledger_entries SET leaf = sha256('forged') WHERE seq = 2")
    with pytest.raises(Exception, match="signed"):
        await sequencer(database_url).catch_up()


async def test_a_changed_flow_no_longer_has_its_leaf(database: Database, database_url: str) -> None:
    ledger = Ledger(database)
    request = flows()
    await settle(database_url, request)
    await sequencer(database_url).catch_up()
    async with database.connection() as connection:
        await connection.execute("UPDATE flows SET entities = entities + 1 WHERE id = $1", request[1].id)
    changed = [
        entry.seq for entry in await ledger.entries(0, 100) if entry.text is None or leaf_hash(entry.text) != entry.leaf
    ]
    assert changed == [await ledger.find(request[1].id)]


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


async def test_every_text_is_canonical(database: Database, database_url: str) -> None:
    """PostgreSQL's spelling of JSON is that of RFC 8785 (rfc8785 and msgspec), for whatever stands in a flow."""
    strange = [
        '\x01\x1f\x7f"\\/\b\f\n\r\t',
        "é\u2028\u2029\ufeff𝄞協定",
        "",
        " ",
        *map(chr, range(1, 32)),
        "\ud7ff\ue000\U0010ffff",
    ]
    requests = [
        [
            Flow(
                uuid7(), uuid7(), datetime.now(UTC), text, Consumer(text, text, None, text), Provider(text, None, text),
                (text, text + "x"), 2**40, 0, text, latency, cache_hit=True, agreement=text, agreement_version=3,
            )
        ]
        for text in strange
        for latency in (0.0, 1e-9, 12.3456789, float("nan"), float("inf"), -1.0)
    ]  # fmt: skip
    await settle(database_url, *requests)
    await sequencer(database_url).catch_up()
    entries = [entry for entry in await whole(Ledger(database)) if isinstance(entry, FlowEntry)]
    assert {entry.consumer_service for entry in entries} == set(strange)
    assert {entry.latency_us for entry in entries} == {0, 12346, None}
    import msgspec
    import rfc8785

    for entry in entries:
        assert rfc8785.dumps(msgspec.to_builtins(entry)) == canonical(entry)


async def test_a_restored_database_goes_on(database: Database, database_url: str) -> None:
    """A dump brings transaction numbers that this server has not reached, on flows, on events and in the state."""
    ledger = Ledger(database)
    await settle(database_url, *(flows() for _ in range(5)))
    await sequencer(database_url).catch_up()
    before = len(await whole(ledger))
    waiting = flows()
    await settle(database_url, waiting)
    async with database.connection() as connection:
        event = await enter(connection, "kpi.agreed", "k1", "secretariat", {})
        await connection.execute("ALTER TABLE ledger_events DISABLE TRIGGER USER")
        await connection.execute("UPDATE ledger_events SET txid = '900000000000'")
        await connection.execute("ALTER TABLE ledger_events ENABLE TRIGGER USER")
        await connection.execute("UPDATE flows SET txid = '900000000000'")
        await connection.execute("UPDATE ledger_state SET flow_txid = 900000000000, event_txid = 800000000000")
    await sequencer(database_url, limit=4).catch_up()
    entries = await whole(ledger)
    assert len(entries) == before + 4
    assert {entry.id for entry in entries[before:]} == {str(event), *(str(flow.id) for flow in waiting)}
    async with database.connection() as connection:
        with pytest.raises(Exception, match="only grows"):
            await connection.execute("UPDATE ledger_events SET txid = '4'")


async def test_a_page_never_reads_the_whole_ledger(database: Database, database_url: str) -> None:
    """Whatever the planner believes: without statistics, and with those of a ledger of many entries."""
    await settle(database_url, *(flows() for _ in range(50)))
    await sequencer(database_url).catch_up()
    await settle(database_url, *(flows() for _ in range(50)))
    session = await LedgerSession.open(database_url)
    assert await session.lead()
    for statistics in ("SELECT 1", "ANALYZE"):
        await session.connection.execute(statistics)
        plans = [
            await session.connection.fetch("EXPLAIN " + _ENTER_FLOWS, "9" * 9, "0", 0, 100, 0),
            await session.connection.fetch("EXPLAIN " + _ENTRIES, 0, 100),
        ]
        told = "\n".join(row[0] for plan in plans for row in plan)
        assert "Seq Scan on" not in told
        assert "Join" not in told
    await session.close()
