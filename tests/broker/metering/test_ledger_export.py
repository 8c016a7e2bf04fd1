"""A bundle from the database: what was metered is in it, it verifies, and what was changed is not exported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flowmaker import flows

from broker.metering.ledger.export import export
from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.store.database import Database
from broker.store.ledger import Ledger, LedgerDamaged
from broker.store.ledger_keys import rotate_to
from schemas.errors import SettingsError
from schemas.flow import Flow
from schemas.ledger.note import SigningKey
from schemas.ledger.verdict import Verdict
from schemas.ledger.verify import verify

SEED = bytes(range(32))
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)


async def record(url: str, *requests: list[Flow]) -> None:
    settler = await Settler.start(url, budget=5.0)
    for request in requests:
        await settler.settle(request)
    await settler.drain()
    await Sequencer(url, "test/ledger", lambda: [SEED]).catch_up()


def on(day: int) -> list[Flow]:
    return [replace(flow, time=NOW + timedelta(days=day)) for flow in flows()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def check(file: Path, since: str | None = None) -> Verdict:
    return verify(memoryview(file.read_bytes()), since=since)


async def test_days_are_exported_and_verify(database: Database, database_url: str, tmp_path: Path) -> None:
    ledger = Ledger(database)
    await record(database_url, *(on(day) for day in range(10) for _ in range(10)))
    file = tmp_path / "bundle.zip"
    done = await export(ledger, [SEED], file, since=NOW + timedelta(days=3), until=NOW + timedelta(days=5))
    assert done.end - done.first == 60
    verdict = check(file)
    assert verdict.faults == []
    assert verdict.facts["report"]["recorded"]["flows"] == 60
    assert verdict.facts["report"]["recorded"]["uses"] == 20
    again = tmp_path / "again.zip"
    await export(ledger, [SEED], again, since=NOW + timedelta(days=3), until=NOW + timedelta(days=5))
    assert again.read_bytes() == file.read_bytes()
    assert names(tmp_path) == ["again.zip", "bundle.zip"]


async def test_an_earlier_checkpoint_is_proved(database: Database, database_url: str, tmp_path: Path) -> None:
    ledger = Ledger(database)
    await record(database_url, on(0))
    before = await ledger.latest()
    assert before is not None
    await record(database_url, *(on(day) for day in range(1, 120)))
    file = tmp_path / "bundle.zip"
    await export(ledger, [SEED], file, since=NOW + timedelta(days=3), until=NOW + timedelta(days=5))
    assert not check(file, before.note).holds
    await export(
        ledger, [SEED], file, since=NOW + timedelta(days=3), until=NOW + timedelta(days=5), earlier=[before.note]
    )
    assert check(file, before.note).faults == []
    await export(ledger, [SEED], file)
    assert check(file, before.note).faults == []
    assert check(file).facts["report"]["recorded"]["flows"] == 360


async def test_a_changed_or_lost_flow_is_not_exported(database: Database, database_url: str, tmp_path: Path) -> None:
    ledger = Ledger(database)
    await record(database_url, *(on(0) for _ in range(5)))
    index = 7
    async with database.connection() as connection:
        flow = await connection.fetchval("SELECT id FROM ledger_entries WHERE seq = $1", index)
        await connection.execute("UPDATE flows SET bytes = bytes * 10 WHERE id = $1", flow)
    with pytest.raises(LedgerDamaged, match=f"entry {index} "):
        await export(ledger, [SEED], tmp_path / "bundle.zip")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM flows WHERE id = $1", flow)
    with pytest.raises(LedgerDamaged, match=f"entry {index} "):
        await export(ledger, [SEED], tmp_path / "bundle.zip")
    assert names(tmp_path) == []


async def test_without_the_key_there_is_no_bundle(database: Database, database_url: str, tmp_path: Path) -> None:
    await record(database_url, on(0))
    with pytest.raises(SettingsError):
        await export(Ledger(database), [b"\1" * 32], tmp_path / "bundle.zip")


async def test_a_new_key_is_vouched_for_by_the_old(database: Database, database_url: str, tmp_path: Path) -> None:
    ledger = Ledger(database)
    await record(database_url, on(0))
    before = await ledger.latest()
    old, new, stranger = (SigningKey("test/ledger", seed) for seed in (SEED, b"\5" * 32, b"\6" * 32))
    async with database.transaction() as connection:
        await rotate_to(connection, old, new.verifying)
        with pytest.raises(ValueError):
            await rotate_to(connection, old, stranger.verifying)
    await Sequencer(database_url, "test/ledger", lambda: [SEED, b"\5" * 32]).catch_up()
    file = tmp_path / "bundle.zip"
    await export(ledger, [b"\5" * 32], file)
    assert before is not None
    for trusted in (old, new):
        verdict = verify(memoryview(file.read_bytes()), trust=[trusted.verifying], since=before.note)
        assert verdict.faults == []
        assert verdict.facts["key"] == str(new.verifying)
        assert verdict.facts["report"]["events"] == {"ledger.key-rotated": 1, "ledger.opened": 1}
    assert not verify(memoryview(file.read_bytes()), trust=[stranger.verifying]).holds
