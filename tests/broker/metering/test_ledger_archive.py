"""A month as Parquet: what any tool reads are the flows, and what was changed in it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flowmaker import flows

from broker.metering.ledger.archive import archive, check
from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.store.database import Database
from broker.store.ledger import Ledger, LedgerDamaged
from schemas.errors import BadRequestData
from schemas.flow import Flow
from schemas.ledger.note import SigningKey

SEED = bytes(range(32))
KEY = SigningKey("test/ledger", SEED)
MONTH = date(2026, 10, 1)


async def record(url: str) -> list[Flow]:
    """September, October, November, and October again; those of October."""
    settler = await Settler.start(url, budget=5.0)
    october = []
    for month in (9, 10, 10, 11, 10, 11):
        made = [replace(flow, time=datetime(2026, month, 15, tzinfo=UTC)) for flow in flows()]
        october += made if month == 10 else []
        await settler.settle(made)
    await settler.drain()
    await Sequencer(url, "test/ledger", lambda: [SEED]).catch_up()
    return october


async def test_a_month_is_written_and_verifies(database: Database, database_url: str, tmp_path: Path) -> None:
    october = await record(database_url)
    ledger = Ledger(database)
    file, done = await archive(ledger, [SEED], MONTH, tmp_path)
    assert (file.name, done.flows) == ("flows-2026-10.parquet", 9)
    rows = [row for row in pq.read_table(file).to_pylist() if row["id"] is not None]
    assert [row["id"] for row in rows] == [str(flow.id) for flow in october]
    assert {row["entities"] for row in rows} == {5}
    verdict = check(memoryview(file.read_bytes()), trust=[KEY.verifying])
    assert verdict.faults == []
    assert verdict.facts["trusted"]
    assert verdict.facts["flows"] == 9
    with pytest.raises(BadRequestData):
        await archive(ledger, [SEED], MONTH, tmp_path)
    with pytest.raises(BadRequestData):
        await archive(ledger, [SEED], date(2026, 8, 1), tmp_path)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT entries FROM ledger_archives WHERE month = $1", MONTH) == 9


def spoil(rows: list[dict[str, Any]]) -> list[Callable[[list[dict[str, Any]]], Any]]:
    hidden = dict.fromkeys(rows[0])
    return [
        lambda r: r[0].update(entities=6),
        lambda r: r[0].update(provider_area="x"),
        lambda r: r[0].update(leaf=bytes(32)),
        lambda r: r.pop(3),
        lambda r: r.pop(),
        lambda r: r.insert(3, r[3]),
        lambda r: r[0].update(hidden | {"seq": r[0]["seq"], "leaf": r[0]["leaf"]}),
    ]


async def test_what_was_changed_shows(database: Database, database_url: str, tmp_path: Path) -> None:
    await record(database_url)
    file, _ = await archive(Ledger(database), [SEED], MONTH, tmp_path)
    table = pq.read_table(file)
    for change in spoil(table.to_pylist()):
        rows = table.to_pylist()
        change(rows)
        spoilt = tmp_path / "spoilt.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), spoilt)
        assert check(memoryview(spoilt.read_bytes())).faults
    for metadata in ({}, {**table.schema.metadata, b"kakehashi": b"{}"}):
        pq.write_table(table.replace_schema_metadata(metadata), spoilt)
        assert check(memoryview(spoilt.read_bytes())).faults
    other = SigningKey("test/ledger", bytes(32)).verifying
    assert check(memoryview(file.read_bytes()), trust=[other]).faults
    assert check(memoryview(file.read_bytes()[:-9])).faults
    assert check(memoryview(b"PAR1")).faults


async def test_a_changed_flow_is_not_archived(database: Database, database_url: str, tmp_path: Path) -> None:
    october = await record(database_url)
    async with database.connection() as connection:
        await connection.execute("UPDATE flows SET entities = 99 WHERE id = $1", october[4].id)
    with pytest.raises(LedgerDamaged):
        await archive(Ledger(database), [SEED], MONTH, tmp_path)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM flows WHERE id = $1", october[4].id)
    with pytest.raises(LedgerDamaged):
        await archive(Ledger(database), [SEED], MONTH, tmp_path)
