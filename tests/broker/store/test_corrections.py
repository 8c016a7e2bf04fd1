"""A flow is counted otherwise when two have agreed; it stays as it is, and the ledger tells of it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from broker.metering.ledger.sequencer import Sequencer
from broker.store.corrections import Corrections
from broker.store.database import Database
from broker.store.flows_write import COLUMNS, row
from broker.store.ledger import Ledger
from broker.store.usage_rollup import differences, roll_up
from schemas.errors import AlreadyExists, BadRequestData, Forbidden, NotFound
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.ledger.correction import Replacement, corrected_by
from schemas.ledger.entry import EventEntry, read_entry

LESS = Replacement(batch=False, bytes=10, entities=1)


async def metered(database: Database) -> Flow:
    """A flow in the ledger and in the roll-ups."""
    now = datetime(2026, 11, 5, 16, tzinfo=UTC)
    flow = Flow(uuid7(), uuid7(), now, "query", Consumer("app"), Provider("p", None, "toyosu"), (), 50, 5000, "ok", 1.0)
    async with database.connection() as connection:
        await connection.copy_records_to_table("flows", records=[row(flow)], columns=COLUMNS)
    await Sequencer(database.url, "test/ledger", lambda: [bytes(32)]).catch_up()
    await roll_up(database)
    return flow


async def counted(database: Database) -> tuple[int, int]:
    """Flows and entities of the roll-ups, which equal what is counted anew."""
    await roll_up(database)
    assert await differences(database) == []
    async with database.connection() as connection:
        found = await connection.fetchrow(
            "SELECT coalesce(sum(flows), 0)::int, coalesce(sum(entities), 0)::int FROM flow_daily"
        )
    return tuple(found)


async def test_it_counts_when_another_has_approved(database: Database) -> None:
    flow, store = await metered(database), Corrections(database)
    made = await store.request(flow.id, LESS, "counted twice by the platform", "takeshiba")
    assert await counted(database) == (1, 50)
    with pytest.raises(Forbidden):
        await store.approve(made.id, "takeshiba")
    assert (await store.approve(made.id, "secretariat")).state == "approved"
    assert await counted(database) == (1, 1)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT entities FROM flows") == 50
    with pytest.raises(AlreadyExists):
        await store.approve(made.id, "somebody")


async def test_a_later_one_replaces_it_and_a_reversal_counts_no_more(database: Database) -> None:
    flow, store = await metered(database), Corrections(database)
    for replacement in (LESS, None):
        made = await store.request(flow.id, replacement, "again", "takeshiba")
        await store.approve(made.id, "secretariat")
    assert await counted(database) == (0, 0)
    assert [one.state for one in await store.all()] == ["approved", "superseded"]
    assert [one.state for one in await store.all(state="superseded")] == ["superseded"]


async def test_a_rejected_one_changes_nothing(database: Database) -> None:
    flow, store = await metered(database), Corrections(database)
    made = await store.request(flow.id, None, "never happened", "takeshiba")
    with pytest.raises(AlreadyExists):
        await store.request(flow.id, LESS, "another", "takeshiba")
    with pytest.raises(Forbidden):
        await store.reject(made.id, "takeshiba")
    await store.reject(made.id, "secretariat")
    assert (await store.get(made.id)).state == "rejected"
    assert await counted(database) == (1, 50)


async def test_the_ledger_tells_of_every_step(database: Database) -> None:
    flow, store = await metered(database), Corrections(database)
    made = await store.request(flow.id, LESS, "counted twice", "takeshiba")
    await store.approve(made.id, "secretariat")
    await Sequencer(database.url, "test/ledger", lambda: [bytes(32)]).catch_up()
    entries = [read_entry(one.text or b"") for one in await Ledger(database).entries(0, 100)]
    events = [entry for entry in entries if isinstance(entry, EventEntry)]
    assert [event.event for event in events] == ["ledger.opened", "correction.requested", "correction.approved"]
    told = corrected_by(events[-1])
    assert told is not None
    assert (UUID(told.flow), told.replacement, told.reason) == (flow.id, LESS, "counted twice")
    assert (told.requested_by, told.approved_by) == ("takeshiba", "secretariat")
    assert events[-1].body["original"] == {"batch": False, "bytes": 5000, "entities": 50}


async def test_what_can_not_be_corrected(database: Database) -> None:
    flow, store = await metered(database), Corrections(database)
    with pytest.raises(NotFound):
        await store.request(uuid7(), LESS, "why", "takeshiba")
    with pytest.raises(BadRequestData):
        await store.request(flow.id, LESS, " ", "takeshiba")
    with pytest.raises(BadRequestData):
        await store.request(flow.id, Replacement(batch=False, bytes=-1, entities=1), "why", "takeshiba")
    with pytest.raises(NotFound):
        await store.approve(uuid7(), "secretariat")
