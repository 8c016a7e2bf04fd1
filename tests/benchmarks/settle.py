"""What settling costs: CPU of the event loop's process per request of three flows, at 1, 5 and 20 at once."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.embedded.server import PrivatePostgres, remove
from broker.metering.record import record
from broker.metering.settle import Settler
from broker.store.database import Database
from broker.store.flows_upkeep import upkeep
from broker.store.migrate import migrate
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.outcome import Outcome, Status

AT_ONCE = (1, 5, 20)
REQUESTS = 3000
_CONSUMER = Consumer("navigation", "org-navigation", "project-1", "takeshiba")
_SHARES = [
    (
        Provider(f"urn:ngsi-ld:ContextSourceRegistration:{area}", f"org-{area}", area),
        Outcome(area, Status.OK, ms=3.2, received=100, bytes=40_000, entities=100),
    )
    for area in ("otemachi", "takeshiba", "toyosu")
]
_TYPES = ("https://uri.etsi.org/ngsi-ld/default-context/EvacuationShelter",)


def request() -> list[Flow]:
    return record(_SHARES, consumer=_CONSUMER, operation="query", types=_TYPES, request=uuid7(), time=datetime.now(UTC))


async def measure(settler: Settler, at_once: int, requests: int) -> dict[str, Any]:
    """Includes making the flows. `cpu_us` per request; `p50_ms`, `p99_ms`: from handing over to durable."""
    waits: list[float] = []

    async def client() -> None:
        for _ in range(requests // at_once):
            flows = request()
            begun = time.perf_counter()
            await settler.settle(flows)
            waits.append(time.perf_counter() - begun)

    commits, settled = settler.commits, settler.requests
    cpu = time.process_time()
    await asyncio.gather(*(client() for _ in range(at_once)))
    cpu = time.process_time() - cpu
    settled = settler.requests - settled
    centiles = statistics.quantiles(waits, n=100)
    return {
        "at_once": at_once,
        "requests": settled,
        "cpu_us": round(cpu / settled * 1e6, 1),
        "requests_per_commit": round(settled / (settler.commits - commits), 1),
        "p50_ms": round(centiles[49] * 1e3, 3),
        "p99_ms": round(centiles[98] * 1e3, 3),
    }


async def run(url: str) -> list[dict[str, Any]]:
    await migrate(url)
    database = await Database.open(url)
    await upkeep(database)
    await database.close()
    settler = await Settler.start(url, budget=5.0)
    await measure(settler, AT_ONCE[-1], REQUESTS)
    results = [await measure(settler, at_once, REQUESTS) for at_once in AT_ONCE]
    await settler.drain()
    return results


def main() -> None:
    """Prints JSON."""
    import uvloop

    home = Path(tempfile.mkdtemp(prefix="kakehashi-bench-"))
    home.chmod(0o711)
    try:
        with PrivatePostgres.start(home) as server:
            print(json.dumps({"settle": uvloop.run(run(server.url))}, indent=2))
    finally:
        remove(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
