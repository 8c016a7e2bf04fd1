"""`kakehashi catalog` and `platform add --from DATASET` as an operator calls them, and a harvest that is killed.

`make soak` does it with all 10,000 datasets of a portal (CATALOGUE_DATASETS).
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from gateway import execute, fetch, fresh_database, run
from sources import Host

from adapters.testing.portal import Portal, packages
from adapters.testing.serving import Reply, Request

COUNT = int(os.environ.get("CATALOGUE_DATASETS", "500"))
PAGE = COUNT // 20
STOP = 4 * PAGE
MOST_MEMORY = 300 * 1024
"""KiB of a process that harvests."""
ROWS = [{"_id": n, "名称": f"避難所{n}", "緯度": 35.6 + n / 1000, "経度": 139.7} for n in range(1, 4)]


@pytest.fixture
def database_of_cli(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def environment(database_of_cli: str, tmp_path: Path) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KAKEHASHI_")}
    return clean | {
        "KAKEHASHI_HOME": str(tmp_path),
        "KAKEHASHI_DATABASE_URL": database_of_cli,
        "KAKEHASHI_ACCESS": "open",
        "LANG": "C.UTF-8",
    }


def kakehashi(environment: dict[str, str], *words: str) -> Any:
    done = subprocess.run([sys.executable, "-m", "broker", *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout) if "--json" in words else done.stdout


def portal_with_datastore(portal: Portal) -> Any:
    def answer(request: Request) -> Reply:
        if request.path.endswith("/datastore_search"):
            return Reply(
                orjson.dumps({"success": True, "result": {"records": ROWS}}), 200, {"content-type": "application/json"}
            )
        return portal(request)

    return answer


def harvest(environment: dict[str, str], words: str) -> Any:
    """How it ended; its memory stays within bounds."""
    began, memory = time.monotonic(), 0
    command = [sys.executable, "-m", "broker", "catalog", "harvest", "tokyo", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as child:
        while child.poll() is None:
            memory = max(memory, largest_memory(child.pid))
            time.sleep(0.05)
        assert child.stdout is not None
        ended = orjson.loads(child.stdout.read())
    assert child.returncode == 0
    print(f"{COUNT} datasets, {words}: {time.monotonic() - began:.1f} s, {memory / 1024:.0f} MB")
    assert memory < MOST_MEMORY
    return ended


def largest_memory(pid: int) -> int:
    """KiB, of a process that may have ended. What `getrusage` tells of a child begins with the size of its parent."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM:")), 0)


async def state(url: str) -> str:
    """A digest of everything that is in the catalogue."""
    rows = await fetch(url, "SELECT id, document, words::text, cluster, score FROM catalog_datasets ORDER BY id")
    return hashlib.blake2b(repr([tuple(row) for row in rows]).encode()).hexdigest()


@pytest.mark.crash
def test_killed_in_the_middle_it_goes_on_and_ends_the_same(
    environment: dict[str, str], database_of_cli: str, host: Host
) -> None:
    gate = threading.Event()

    def hold(start: int) -> None:
        """The fifth page comes only after the harvest was killed."""
        if start >= STOP:
            gate.wait(180)

    portal = Portal(packages(COUNT), spoil=hold)
    server = host.serve(portal_with_datastore(portal))
    for file in (one for record in portal.records for one in record["resources"]):
        # an address at which the portal has nothing
        file["url"] = f"{server.url}/files/{file['id']}"
    options = ("--option", f"page_size={PAGE}", "--option", "delay_ms=0")
    kakehashi(environment, "catalog", "add", "--id", "tokyo", "--kind", "ckan", "--endpoint", server.url, *options)
    child = subprocess.Popen([sys.executable, "-m", "broker", "catalog", "harvest", "tokyo"], env=environment)
    deadline = time.monotonic() + 180
    while not run(fetch(database_of_cli, "SELECT seen FROM catalog_sources WHERE seen = $1", STOP)):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    gate.set()
    # what would take its twenty seconds
    run(execute(database_of_cli, "UPDATE catalog_sources SET lease_until = now()"))
    portal.starts.clear()
    [ended] = harvest(environment, "resumed")
    assert portal.starts[0] == STOP
    assert (ended["state"], ended["seen"], ended["added"], ended["run"]) == ("done", COUNT, COUNT, 1)
    resumed = run(state(database_of_cli))
    # taken away and harvested in one go it comes to the same
    for table in ("catalog_datasets", "catalog_records", "catalog_changes"):
        run(execute(database_of_cli, f"DELETE FROM {table}"))
    [whole] = harvest(environment, "in one go")
    assert (whole["state"], whole["added"]) == ("done", COUNT)
    assert run(state(database_of_cli)) == resumed
    [again] = harvest(environment, "again")
    assert (again["unchanged"], again["added"], again["changed"], again["removed"]) == (COUNT, 0, 0, 0)

    found = kakehashi(environment, "catalog", "search", "シェルター 中央区", "--json")
    dataset = found["datasets"][0]
    assert dataset["title"] == "中央区 避難所一覧"
    live = next(d for d in found["datasets"] if d["distributions"][0].get("service") == "ckan-datastore")
    made = kakehashi(environment, "platform", "add", "--from", live["name"], "--type", "EvacuationShelter", "--json")
    assert made["probe"]["sample"] == len(ROWS)
    assert made["options"]["records"] == "result.records"

    # one of the portal's files is a platform now; its others are looked for all the same
    looked = kakehashi(environment, "catalog", "links", "--limit", "1", "--json")
    assert (looked["looked"], looked["broken"]) == (1, 1)
    assert looked["waiting"] >= COUNT - 1
    listed = kakehashi(environment, "catalog", "links", "--broken")
    assert "404" in listed
