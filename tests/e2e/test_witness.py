"""A witness beside a gateway: cosigns what only grew, and nothing else, whatever it is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import msgspec
import pytest
from gateway import Gateway, fresh_database, run, settings

from broker.metering.settle import Settler
from broker.store.database import Database
from broker.store.ledger_witnesses import Witnesses
from broker.witness.witness import Refused, Seen, State, Witness
from schemas.errors import SettingsError
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.ledger.checkpoint import Checkpoint, read_checkpoint
from schemas.ledger.note import SigningKey


@pytest.fixture(scope="module")
def gateway(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(tmp_path_factory.mktemp("witnessed"), url))
        yield running
        running.close()


async def _grow(url: str) -> None:
    settler = await Settler.start(url, budget=5.0)
    now = datetime.now(UTC)
    await settler.settle(
        [Flow(uuid7(), uuid7(), now, "query", Consumer("app"), Provider("p"), (), 1, 10, "ok", 1.0) for _ in range(3)]
    )
    await settler.drain()


def grow(gateway: Gateway) -> int:
    """More entries, signed for; how many there are."""
    before = gateway.client.get("/ledger/checkpoint")
    size = read_checkpoint(before.text).checkpoint.size if before.status_code == 200 else 0
    run(_grow(gateway.settings.database_url))
    deadline = time.monotonic() + 30
    while True:
        answer = gateway.client.get("/ledger/checkpoint")
        if answer.status_code == 200 and read_checkpoint(answer.text).checkpoint.size >= size + 3:
            return read_checkpoint(answer.text).checkpoint.size
        assert time.monotonic() < deadline
        time.sleep(0.05)


def look(witness: Witness, url: str) -> Seen:
    async def once() -> Seen:
        async with httpx2.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
            return await witness.look(client)

    seen: Seen = run(once())
    return seen


async def _admit(url: str, witness: Witness) -> None:
    database = await Database.open(url, max_size=1)
    await Witnesses(database).add(witness.key.verifying, "administration")
    await database.close()


def admitted(gateway: Gateway, folder: Path, name: str) -> Witness:
    witness = Witness(folder, name)
    run(_admit(gateway.settings.database_url, witness))
    return witness


def test_it_cosigns_what_only_grew(gateway: Gateway, tmp_path: Path) -> None:
    grow(gateway)
    witness = admitted(gateway, tmp_path, "secretariat")
    first = look(witness, gateway.url)
    assert first.new
    told = read_checkpoint(gateway.client.get("/ledger/checkpoint", params={"size": first.size}).text)
    assert [key for key, _ in told.witnesses([witness.key.verifying])] == [witness.key.verifying]
    grow(gateway)
    # another process, with what the first one left on disk
    again = Witness(tmp_path, "secretariat")
    assert again.key.verifying == witness.key.verifying
    second = look(again, gateway.url)
    assert second.size > first.size
    assert (
        int(gateway.client.get("/ledger/checkpoint", params={"size": second.size}).headers["kakehashi-witnesses"]) == 1
    )


@pytest.mark.parametrize("change", ["rolled back", "forked", "another"])
def test_it_refuses_another_history(gateway: Gateway, tmp_path: Path, change: str) -> None:
    size = grow(gateway)
    witness = admitted(gateway, tmp_path, change.replace(" ", "-"))
    look(witness, gateway.url)
    state = msgspec.json.decode((tmp_path / "witness.json").read_bytes(), type=State)
    seen = read_checkpoint(state.checkpoint).checkpoint
    other = {
        "rolled back": Checkpoint(seen.origin, size + 10_000, seen.root),
        "forked": Checkpoint(seen.origin, seen.size - 1, b"\1" * 32),
        "another": Checkpoint("another/ledger", seen.size, seen.root),
    }[change]
    note = f"{other.text}\n{SigningKey(other.origin, bytes(32)).sign(other.text)}"
    (tmp_path / "witness.json").write_bytes(msgspec.json.encode(State(state.key, note)))
    with pytest.raises(Refused, match=change):
        look(Witness(tmp_path, change.replace(" ", "-")), gateway.url)


def test_it_refuses_another_key(gateway: Gateway, tmp_path: Path) -> None:
    grow(gateway)
    other = SigningKey("kakehashi/ledger", bytes(32)).verifying
    with pytest.raises(Refused, match="not among"):
        look(Witness(tmp_path, "careful", trust=other), gateway.url)
    assert not (tmp_path / "witness.json").exists()


def test_only_known_witnesses_are_taken(gateway: Gateway, tmp_path: Path) -> None:
    grow(gateway)
    with pytest.raises(Refused, match="403"):
        look(Witness(tmp_path, "unknown"), gateway.url)
    known = admitted(gateway, tmp_path / "known", "known")
    text = gateway.client.get("/ledger/checkpoint").text
    told = read_checkpoint(text)
    assert gateway.client.post("/ledger/witness", content=text).status_code == 403
    for body in (b"", b"\xff", b"nonsense", b"x" * 10_000):
        assert gateway.client.post("/ledger/witness", content=body).status_code in (400, 413)
    elsewhere = Checkpoint(told.checkpoint.origin, told.checkpoint.size, b"\7" * 32).text
    answer = gateway.client.post(
        "/ledger/witness", content=f"{elsewhere}\n{known.key.sign(elsewhere, int(time.time()))}"
    )
    assert answer.status_code == 404


def test_a_state_that_can_not_be_read_is_not_begun_anew(tmp_path: Path) -> None:
    Witness(tmp_path, "w")
    (tmp_path / "witness.json").write_text("{")
    with pytest.raises(SettingsError):
        Witness(tmp_path, "w")
    with pytest.raises(SettingsError):
        Witness(tmp_path / "other", "two words")
