"""Counts of a provider and of a consumer against what was metered, by flow and by hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from broker.metering.ledger.reconciliation import compare
from broker.metering.ledger.sequencer import Sequencer
from broker.store.corrections import Corrections
from broker.store.database import Database
from broker.store.flows_write import COLUMNS, row
from broker.store.reconciliation import Party, Side
from schemas.errors import BadRequestData
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.ledger.reconcile import Cause, Counted, Match

NOON = datetime(2026, 11, 5, 3, tzinfo=UTC)
TAKESHIBA, APP = Party(Side.PROVIDER, "takeshiba"), Party(Side.CONSUMER, "app")


def flow(minutes: int, area: str = "takeshiba", **changes: object) -> Flow:
    fields: dict[str, object] = {
        "id": uuid7(), "request": uuid7(), "time": NOON + timedelta(minutes=minutes), "operation": "query",
        "consumer": Consumer("app"), "provider": Provider(f"p-{area}", None, area), "types": (), "entities": 5,
        "bytes": 500, "outcome": "ok", "latency_ms": 1.0,
    }  # fmt: skip
    return Flow(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
async def flows(database: Database) -> list[Flow]:
    """Of takeshiba: two in the first hour, a retry and a corrected one in the second; one of toyosu."""
    made = [flow(0), flow(10), flow(70, replay_of=uuid7()), flow(80), flow(20, "toyosu")]
    async with database.connection() as connection:
        await connection.copy_records_to_table("flows", records=[row(one) for one in made], columns=COLUMNS)
    await Sequencer(database.url, "test/ledger", lambda: [bytes(32)]).catch_up()
    store = Corrections(database)
    await store.approve((await store.request(made[3].id, None, "never happened", "takeshiba")).id, "secretariat")
    return made


async def test_by_flow(database: Database, flows: list[Flow]) -> None:
    same = {"entities": 5, "bytes": 500}
    unknown = uuid7()
    theirs = [Counted(one.id, same) for one in (flows[0], flows[3], flows[4])] + [Counted(unknown, same)]
    until = NOON + timedelta(hours=2)
    lines = {line.key: line for line in await compare(database, TAKESHIBA, theirs, since=NOON, until=until)}
    assert {key: (line.match, line.cause) for key, line in lines.items()} == {
        flows[0].id: (Match.MATCHED, None),
        flows[1].id: (Match.MISSING_THERE, None),
        flows[2].id: (Match.MISSING_THERE, Cause.RETRY),
        flows[3].id: (Match.DIFFERENT, Cause.CORRECTED),
        flows[4].id: (Match.MISSING_HERE, Cause.OTHER_PARTY),
        unknown: (Match.MISSING_HERE, Cause.UNKNOWN_FLOW),
    }
    alone = await compare(database, APP, [Counted(flows[4].id, same)])
    assert [line.match for line in alone] == [Match.MATCHED]


async def test_by_hour(database: Database, flows: list[Flow]) -> None:
    theirs = [
        Counted(NOON, {"requests": 2, "entities": 10, "bytes": 1000}),
        Counted(NOON + timedelta(hours=1), {"requests": 2}),
    ]
    lines = await compare(database, TAKESHIBA, theirs)
    assert [line.match for line in lines] == [Match.MATCHED, Match.DIFFERENT]
    assert lines[1].ours == {"requests": 1, "flows": 1, "entities": 5, "bytes": 500}
    lines = await compare(database, APP, [Counted(NOON, {"flows": 3})])
    assert [line.match for line in lines] == [Match.MATCHED]


async def test_a_time_has_two_ends(database: Database) -> None:
    with pytest.raises(BadRequestData):
        await compare(database, APP, [Counted(UUID(int=1), {})], since=NOON)
