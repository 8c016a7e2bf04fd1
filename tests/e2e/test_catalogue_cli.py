"""`kakehashi catalog` and `platform add --from DATASET` as an operator calls them, and a harvest that is killed."""

from __future__ import annotations

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


@pytest.mark.crash
def test_killed_in_the_middle_it_goes_on_and_ends_the_same(
    environment: dict[str, str], database_of_cli: str, host: Host
) -> None:
    gate = threading.Event()

    def hold(start: int) -> None:
        """The fifth page comes only after the harvest was killed."""
        if start >= 100:
            gate.wait(180)

    portal = Portal(packages(500), spoil=hold)
    server = host.serve(portal_with_datastore(portal))
    for resource in (one for record in portal.records for one in record["resources"]):
        # an address at which the portal has nothing
        resource["url"] = f"{server.url}/files/{resource['id']}"
    options = ("--option", "page_size=25", "--option", "delay_ms=0")
    kakehashi(environment, "catalog", "add", "--id", "tokyo", "--kind", "ckan", "--endpoint", server.url, *options)
    child = subprocess.Popen([sys.executable, "-m", "broker", "catalog", "harvest", "tokyo"], env=environment)
    deadline = time.monotonic() + 180
    while not (seen := run(fetch(database_of_cli, "SELECT seen FROM catalog_sources WHERE seen = 100"))):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    gate.set()
    assert seen[0][0] == 100
    # what would take its twenty seconds
    run(execute(database_of_cli, "UPDATE catalog_sources SET lease_until = now()"))
    portal.starts.clear()
    [ended] = kakehashi(environment, "catalog", "harvest", "tokyo", "--json")
    assert portal.starts[0] == 100
    assert (ended["state"], ended["seen"], ended["added"], ended["run"]) == ("done", 500, 500, 1)

    # before there is a platform at that host, which is left alone from then on
    looked = kakehashi(environment, "catalog", "links", "--limit", "1", "--json")
    assert (looked["looked"], looked["broken"]) == (1, 1)
    assert looked["waiting"] > 490
    listed = kakehashi(environment, "catalog", "links", "--broken")
    assert "404" in listed

    found = kakehashi(environment, "catalog", "search", "シェルター 中央区", "--json")
    dataset = found["datasets"][0]
    assert dataset["title"] == "中央区 避難所一覧"
    live = next(d for d in found["datasets"] if d["distributions"][0].get("service") == "ckan-datastore")
    made = kakehashi(environment, "platform", "add", "--from", live["name"], "--type", "EvacuationShelter", "--json")
    assert made["probe"]["sample"] == len(ROWS)
    assert made["options"]["records"] == "result.records"
