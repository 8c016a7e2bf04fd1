"""`make bench ARGS=--store`: what the local store's answers cost with a million entities, through the HTTP API.

A private PostgreSQL is filled (`store_load`; some minutes), one gateway process asked over one connection, one request
after the other, each with other values. Prints JSON: p50 and p95 in milliseconds of each case, and the CPU that gateway
and database spend on one request, which says more on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import orjson

from broker.embedded.server import PrivatePostgres, remove
from tests.benchmarks.processes import cpu_seconds, database_seconds
from tests.benchmarks.store_load import EAST, NEWEST, NORTH, SOUTH, TYPES, WARDS, WEST, entity, fill, uri

BATCH = 1000
_API = "/ngsi-ld/v1"
Case = tuple[str, str, Callable[[random.Random, int], str]]
"""What it is, what it must show, and the path of a request from a die and the number of entities."""


def _any_type(dice: random.Random) -> str:
    return f"type=Kind{dice.randrange(TYPES):02}"


def _near(dice: random.Random) -> str:
    place = f"[{dice.uniform(WEST + 0.01, EAST - 0.01):.5f},{dice.uniform(SOUTH + 0.01, NORTH - 0.01):.5f}]"
    georel = quote("near;maxDistance==500")
    return f"georel={georel}&geometry=Point&geoproperty=spot&coordinates={quote(place)}"


def _q(text: str) -> str:
    return f"q={quote(text)}"


def _band(dice: random.Random) -> str:
    low = dice.randrange(999)
    return f"{low + 0.5}..{low + 1.5}"


def _hour(dice: random.Random) -> str:
    first = NEWEST - timedelta(hours=dice.randrange(1, 8760))
    return f"{first:%Y-%m-%dT%H:%M:%SZ}..{first + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


CASES: Sequence[Case] = (
    ("retrieve by id", "p50 <= 3 ms", lambda dice, n: f"/entities/{uri(dice.randrange(n))}"),
    ("a page of a type, 20 results", "", lambda dice, n: f"/entities?{_any_type(dice)}&limit=20"),
    (
        "type and q equality, 1 of 100, 20 results",
        "p50 <= 10 ms",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&" + _q(f'ward=="ward-{dice.randrange(WARDS):02}"'),
    ),
    (
        "type and q equality, 1 of 5, 20 results",
        "p50 <= 10 ms",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&" + _q('state=="open"'),
    ),
    ("q equality, one result", "", lambda dice, n: "/entities?" + _q(f'code=="C-{dice.randrange(n):07}"')),
    (
        "type and q range, 1 of 10, 20 results",
        "",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&" + _q("capacity>=900"),
    ),
    ("q range, 1 of 1000, 20 results", "", lambda dice, n: "/entities?limit=20&" + _q(f"capacity=={_band(dice)}")),
    (
        "type and q range, 1 of 1000",
        "",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&" + _q(f"capacity=={_band(dice)}"),
    ),
    (
        "type and range of modifiedAt, an hour of a year",
        "",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&" + _q(f"modifiedAt=={_hour(dice)}"),
    ),
    (
        "type by a number, 20 results at 0 to 500",
        "",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&orderBy=capacity&offset={dice.randrange(500)}",
    ),
    (
        "type by a text, 20 results",
        "",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&orderBy=title;desc",
    ),
    (
        "type and q equality by modifiedAt, newest 20",
        "",
        lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&orderBy=modifiedAt;desc&" + _q('state=="open"'),
    ),
    ("all by modifiedAt, newest 20", "", lambda dice, n: "/entities?local=true&limit=20&orderBy=modifiedAt;desc"),
    ("near 500 m, 20 results", "p50 <= 15 ms", lambda dice, n: f"/entities?limit=20&{_near(dice)}"),
    ("type and near 500 m", "p50 <= 15 ms", lambda dice, n: f"/entities?{_any_type(dice)}&limit=20&{_near(dice)}"),
    ("count of a type", "<= 300 ms", lambda dice, n: f"/entities?{_any_type(dice)}&limit=0&count=true"),
)


class Processes:
    """Those of the gateway and of the private PostgreSQL of a home."""

    def __init__(self, gateway: int, home: Path) -> None:
        self._gateway = gateway
        (place,) = home.glob("postgres/data/postmaster.pid")
        self._postmaster = int(place.read_text().split()[0])

    def spent(self) -> tuple[float, float]:
        """Seconds of CPU so far, of the gateway and of the database."""
        return cpu_seconds(self._gateway), database_seconds(self._postmaster)

    def since(self, before: tuple[float, float], times: int) -> dict[str, float]:
        gateway, database = (after - at for after, at in zip(self.spent(), before, strict=True))
        return {
            "gateway_cpu_ms": round(gateway / times * 1000, 2),
            "database_cpu_ms": round(database / times * 1000, 2),
            "load": round(os.getloadavg()[0], 1),
        }


def measure(base: str, processes: Processes, case: Case, entities: int, times: int) -> dict[str, Any]:
    """One case, after a few requests that don't count."""
    label, target, path = case
    dice = random.Random(11)
    spent, found = [], []
    # The plainest client there is: what it costs itself is counted too.
    with contextlib.closing(http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)) as client:
        before = processes.spent()
        for n in range(times + 10):
            url = _API + path(dice, entities)
            began = time.perf_counter()
            client.request("GET", url)
            answer = client.getresponse()
            body = answer.read()
            took = time.perf_counter() - began
            if answer.status != 200:
                raise SystemExit(f"{url}: {answer.status} {body[:500]!r}")
            if n >= 10:
                spent.append(took)
                given = orjson.loads(body)
                found.append(len(given) if isinstance(given, list) else 1)
    cpu = processes.since(before, times + 10)
    results = {"mean_results": statistics.mean(found)}
    return {"case": label, "target": target, "times": times, **results, **_centiles(spent), **cpu}


def upsert(base: str, processes: Processes, entities: int, times: int) -> dict[str, Any]:
    """Batches of which one half is there already."""
    dice = random.Random(13)
    spent = []
    before = processes.spent()
    with httpx2.Client(base_url=base, timeout=60) as client:
        for n in range(times):
            known = [dice.randrange(entities) for _ in range(BATCH // 2)]
            fresh = range(entities + n * BATCH, entities + n * BATCH + BATCH // 2)
            body = orjson.dumps([entity(number, dice, expanded=False) for number in (*known, *fresh)])
            began = time.perf_counter()
            answer = client.post(
                f"{_API}/entityOperations/upsert", content=body, headers={"content-type": "application/json"}
            )
            spent.append(time.perf_counter() - began)
            answer.raise_for_status()
    label = f"batch upsert of {BATCH}, half of them new"
    return {"case": label, "target": "<= 1500 ms", "times": times, **_centiles(spent), **processes.since(before, times)}


def _centiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return {"p50_ms": round(statistics.median(ordered) * 1000, 2), "p95_ms": round(p95 * 1000, 2)}


@contextlib.contextmanager
def gateway(home: Path) -> Iterator[tuple[str, int]]:
    """A gateway process on the home's private database; gives its address and pid."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "broker.app:create_app", "--no-access-log"]
    environment = {"KAKEHASHI_HOME": str(home), "KAKEHASHI_ACCESS": "open", "KAKEHASHI_LOG_LEVEL": "warning"}
    child = subprocess.Popen([*command, "--port", str(port)], env={**os.environ, **environment})
    base = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(f"{base}/health/ready", timeout=2).status_code == 200:
                    break
            time.sleep(0.1)
        yield base, child.pid
    finally:
        child.terminate()
        child.wait(30)


def run(home: Path, entities: int, times: int) -> dict[str, Any]:
    """Fill, start, measure, stop. A home that was filled before is taken as it is."""
    with PrivatePostgres.start(home) as server:
        began = time.monotonic()
        filled = home / f"filled-{entities}"
        if not filled.exists():
            sys.stderr.write(f"… filling {entities} entities\n")
            asyncio.run(fill(server.url, entities))
            filled.touch()
        loading = round(time.monotonic() - began, 1)
        with gateway(home) as (base, pid):
            processes = Processes(pid, home)
            results = []
            for case in CASES:
                sys.stderr.write(f"… {case[0]}\n")
                results.append(measure(base, processes, case, entities, times))
            sys.stderr.write("… upserts\n")
            results.append(upsert(base, processes, entities, max(3, times // 20)))
    return {
        "entities": entities,
        "types": TYPES,
        "processors": os.cpu_count(),
        "loading_s": loading,
        "results": results,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS='--store …'", description=__doc__)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=200, help="requests per case (200)")
    parser.add_argument("--home", type=Path, help="keep the data here and use them again (a folder that goes away)")
    options = parser.parse_args(arguments)
    home = options.home or Path(tempfile.mkdtemp(prefix="kakehashi-bench-"))
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    try:
        result = run(home, options.entities, options.times)
    finally:
        if options.home is None:
            remove(home)
            shutil.rmtree(home, ignore_errors=True)
    sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
