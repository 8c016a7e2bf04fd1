"""Gateway, sequencer and PostgreSQL are killed under load: nothing that was answered is lost, no use counts twice.

Clients retry under one Idempotency-Key each. `CRASH_KILLS=500` (as in `make soak`) kills so often, in random order.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_house import CLIENTS, GATEWAY, House, Load, ledger_of, violations
from sources import Entity, Host, NgsiLdSource
from wrong_gateway import WAYS

from broker.embedded.server import remove

KILLS = int(os.environ.get("CRASH_KILLS", "0"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
SHORT = ("sequencer", "gateway", "postgres")
Start = Callable[..., House]


def entity(n: int) -> Entity:
    return {"id": f"urn:ngsi-ld:Shelter:{n}", "type": "Shelter", "capacity": {"type": "Property", "value": n}}


@pytest.fixture
def start(host: Host) -> Iterator[Start]:
    folder = Path(tempfile.mkdtemp(prefix="kakehashi-crash-"))
    # the server's account must pass through when the tests run as root
    folder.chmod(0o711)
    houses: list[House] = []

    def made(command: tuple[str, ...] = GATEWAY, *, sequencer: bool = True) -> House:
        house = House(folder / "home", command, sequencer=sequencer)
        houses.append(house)
        for n in range(2):
            source = host.serve(NgsiLdSource([entity(k) for k in range(n * 4, n * 4 + 4)]))
            document: dict[str, Any] = {"id": f"source-{n}", "adapter": "ngsi_ld", "endpoint": source.url}
            assert house.client.post("/platforms", json=document).status_code == 201
        return house

    try:
        yield made
    finally:
        for house in houses:
            house.end()
        remove(folder / "home")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.crash
@pytest.mark.slow
def test_no_use_is_lost_or_counted_twice(start: Start) -> None:
    house = start()
    load = Load(house)
    dice = random.Random(SEED)
    load.until(50)
    load.until_signed(1)
    for what in SHORT if not KILLS else dice.choices(("gateway", "sequencer", "postgres"), k=KILLS):
        house.kill(what)
        if what == "postgres" and dice.random() < 0.5:
            house.kill("gateway")
        load.until(dice.randrange(20, 60))
    load.until_signed(2)
    load.stop()
    house.wait()
    flows = house.flows()
    assert violations(load.uses, flows) == []
    assert any(use.asked > 1 for use in load.uses), "somebody had to ask again"
    ledger_of(house, flows, load.checkpoints)


def wrong(way: str) -> tuple[str, ...]:
    return sys.executable, str(Path(__file__).with_name("wrong_gateway.py")), way


@pytest.mark.crash
@pytest.mark.slow
def test_designs_that_are_wrong_are_found_out(start: Start) -> None:
    """Each is killed under load, and the next one takes its place."""
    house = start(wrong(next(iter(WAYS))), sequencer=False)
    for way, following in zip(WAYS, [*map(wrong, list(WAYS)[1:]), GATEWAY], strict=True):
        for _ in range(5):
            load = Load(house)
            load.until(2 * CLIENTS)
            killed = time.monotonic()
            house.command = following
            house.kill("gateway")
            house.wait()
            load.stop()
            # what was answered after the start may still be on its way
            found = violations([use for use in load.uses if use.at < killed or use.asked > 1], house.flows())
            if found:
                break
            house.command = wrong(way)
            house.kill("gateway")
            house.wait()
        assert found, way
